//! The kept corpus of the fuzz targets, judged as they judge it.

use std::path::{Path, PathBuf};

#[expect(unreachable_pub, reason = "it is the library of the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::world::World;
use fuzz::{api, public};

fn kept(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = std::fs::read_dir(folder.join(name)).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Feeds every file to a target; says which file it was when it fails.
fn feed(name: &str, exercise: fn(&World, &[u8])) {
    let world = World::start();
    let files = kept(name);
    assert!(files.len() > 30, "{} files", files.len());
    for file in files {
        let input = std::fs::read(&file).unwrap();
        let judged = std::panic::AssertUnwindSafe(|| exercise(&world, &input));
        let good = std::panic::catch_unwind(judged).is_ok();
        assert!(good, "{}: {}", file.display(), input.escape_ascii());
    }
}

#[test]
fn bytes_for_the_public_socket() {
    feed("public", public::exercise);
}

#[test]
fn bytes_for_the_api() {
    feed("api", api::exercise);
}
