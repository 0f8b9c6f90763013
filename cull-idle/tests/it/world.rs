//! Worlds for simulations: what is true of users and servers, and what a faulty hub says of it.
//!
//! A hub may hide, garble or postdate what it knows, but where it gives a plain timestamp of the past, that is true as of
//! when it was read.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

/// Numbers that look like chance and can be had again: splitmix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = usize::try_from(self.roll(of.len() as u64)).unwrap();
        of[index].clone()
    }
}

/// The flags of one sweep.
#[derive(Debug, Clone)]
pub(crate) struct Flags {
    pub(crate) timeout: i64,
    pub(crate) max_age: Option<i64>,
    pub(crate) default_servers: bool,
    pub(crate) named_servers: bool,
    pub(crate) users: bool,
    pub(crate) admins: bool,
}

impl Flags {
    pub(crate) fn thrown(dice: &mut Dice) -> Self {
        Self {
            timeout: dice.pick(&[600, 3_600]),
            max_age: dice.one_in(3).then_some(50_000),
            default_servers: !dice.one_in(6),
            named_servers: !dice.one_in(6),
            users: dice.one_in(2),
            admins: dice.one_in(2),
        }
    }

    pub(crate) fn args(&self) -> Vec<String> {
        vec![
            format!("--timeout={}", self.timeout),
            format!("--max-age={}", self.max_age.unwrap_or(0)),
            format!("--cull-default-servers={}", self.default_servers),
            format!("--cull-named-servers={}", self.named_servers),
            format!("--cull-users={}", self.users),
            format!("--cull-admin-users={}", self.admins),
        ]
    }
}

/// What is true of a server, in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) ready: bool,
    pub(crate) idle: i64,
    pub(crate) age: i64,
    /// It is used between being read and being stopped.
    pub(crate) wakes: bool,
}

/// What is true of a user, in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) admin: bool,
    pub(crate) idle: i64,
    pub(crate) age: i64,
    /// They come back between being read and being deleted.
    pub(crate) wakes: bool,
    pub(crate) servers: BTreeMap<String, Server>,
}

/// Some users as they are, and what the hub says of them.
pub(crate) struct World {
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) said: Vec<Value>,
}

impl World {
    /// A world at `now`, with up to `most` users.
    pub(crate) fn thrown(dice: &mut Dice, flags: &Flags, now: DateTime<Utc>, most: u64) -> Self {
        let mut world = Self {
            people: BTreeMap::new(),
            said: Vec::new(),
        };
        for n in 0..1 + dice.roll(most) {
            let name = format!("{}{n}", dice.pick(&["u", "a b", "a?b", "%2e", "é"]));
            world.person(dice, flags, now, name);
        }
        world
    }

    fn person(&mut self, dice: &mut Dice, flags: &Flags, now: DateTime<Utc>, name: String) {
        let age = 100_000;
        let mut person = Person {
            admin: dice.one_in(4),
            idle: span(dice, flags, age),
            age,
            wakes: dice.one_in(6),
            servers: BTreeMap::new(),
        };
        let mut said = Map::new();
        for server in ["", "gpu", "x/y"] {
            if dice.one_in(2) {
                let (truth, model) = a_server(dice, flags, now);
                said.insert(server.to_owned(), model);
                person.servers.insert(server.to_owned(), truth);
            }
        }
        let mut model =
            json!({"kind": "user", "name": name, "admin": person.admin, "servers": said});
        tell(dice, &mut model, "created", now, person.age);
        if tell(dice, &mut model, "last_activity", now, person.idle) == Told::Never {
            person.idle = person.age;
        }
        if dice.one_in(12) {
            model.as_object_mut().unwrap().remove("admin");
        }
        self.said.push(model);
        self.people.insert(name, person);
    }
}

/// An idle time that is well on one side of the timeout.
fn span(dice: &mut Dice, flags: &Flags, most: i64) -> i64 {
    let spans = [1, flags.timeout / 2, flags.timeout, flags.timeout * 3];
    dice.pick(&spans).min(most)
}

fn a_server(dice: &mut Dice, flags: &Flags, now: DateTime<Utc>) -> (Server, Value) {
    let age = dice.pick(&[200, 9_000, 49_000, 50_000, 90_000]);
    let mut truth = Server {
        ready: true,
        idle: span(dice, flags, age),
        age,
        wakes: dice.one_in(6),
    };
    let mut model = json!({"ready": true, "pending": null, "stopped": false, "url": "/user/x/"});
    if dice.one_in(5) {
        truth.ready = false;
        let (field, value) = dice.pick(&[
            ("pending", json!("spawn")),
            ("pending", json!("stop")),
            ("pending", json!(["?"])),
            ("ready", json!(false)),
            ("ready", json!(null)),
            ("ready", json!("yes")),
        ]);
        model[field] = value;
    }
    tell(dice, &mut model, "started", now, age);
    if tell(dice, &mut model, "last_activity", now, truth.idle) == Told::Never {
        truth.idle = age;
    }
    (truth, model)
}

/// What the hub made of a time.
#[derive(PartialEq, Eq)]
enum Told {
    Somehow,
    /// `null`: which only says the truth when it never happened.
    Never,
}

/// Writes a time so many seconds ago into a field: as it should be, or in any way that hubs and proxies spoil it.
fn tell(dice: &mut Dice, model: &mut Value, field: &str, now: DateTime<Utc>, ago: i64) -> Told {
    let at = |seconds: i64| hub_types::time::format(now - TimeDelta::seconds(seconds));
    let plain = at(ago);
    let value = match dice.roll(20) {
        0 => return Told::Somehow,
        1 => json!(null),
        2 => json!(plain.trim_end_matches('Z')),
        3 => json!(plain.replace('T', " ")),
        4 => json!(at(-7_200)),
        5 => json!("yesterday"),
        6 => json!(""),
        7 => json!(0),
        8 => json!("0001-01-01T00:00:00Z"),
        9 => json!([plain]),
        _ => json!(plain),
    };
    let told = if value.is_null() {
        Told::Never
    } else {
        Told::Somehow
    };
    model[field] = value;
    told
}

/// Whether stopping this server is right.
pub(crate) fn may_stop(flags: &Flags, name: &str, server: &Server) -> bool {
    let kind = if name.is_empty() {
        flags.default_servers
    } else {
        flags.named_servers
    };
    let idle = server.idle >= flags.timeout && !server.wakes;
    let old = flags.max_age.is_some_and(|most| server.age >= most);
    server.ready && kind && (idle || old)
}

/// Whether deleting this user is right, once none of their servers is alive.
pub(crate) fn may_delete(flags: &Flags, person: &Person) -> bool {
    let idle = person.idle >= flags.timeout && !person.wakes;
    let old = flags.max_age.is_some_and(|most| person.age >= most);
    flags.users && (flags.admins || !person.admin) && (idle || old)
}
