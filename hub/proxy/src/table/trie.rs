//! A persistent radix trie: longest prefix by whole `/`-separated segments, and a change copies one path only.
//!
//! Keys are paths without leading and trailing slashes (the root is the empty key). Edges carry runs of bytes, so that
//! a change in a folder of 10,000 users copies a handful of small nodes rather than one map of 10,000 entries.

use std::sync::Arc;

/// A node: the bytes of the edge to it, the value stored here, children sorted by the first byte of their edge.
#[derive(Debug)]
struct Node<V> {
    edge: Box<[u8]>,
    value: Option<Arc<V>>,
    children: Vec<Arc<Node<V>>>,
}

impl<V> Clone for Node<V> {
    fn clone(&self) -> Self {
        Self {
            edge: self.edge.clone(),
            value: self.value.clone(),
            children: self.children.clone(),
        }
    }
}

impl<V> Node<V> {
    fn leaf(edge: &[u8], value: Arc<V>) -> Self {
        Self {
            edge: edge.into(),
            value: Some(value),
            children: Vec::new(),
        }
    }

    fn child(&self, first: u8) -> Result<usize, usize> {
        self.children
            .binary_search_by(|child| child.edge[0].cmp(&first))
    }

    /// This node with `key` (relative to the end of its edge) set to `value`.
    fn with(&self, key: &[u8], value: Arc<V>) -> Self {
        let mut copy = self.clone();
        let Some(&first) = key.first() else {
            copy.value = Some(value);
            return copy;
        };
        match copy.child(first) {
            Err(at) => copy.children.insert(at, Arc::new(Self::leaf(key, value))),
            Ok(at) => {
                let child = &copy.children[at];
                let shared = common(&child.edge, key);
                let new = if shared == child.edge.len() {
                    child.with(&key[shared..], value)
                } else {
                    child.split(shared).with(&key[shared..], value)
                };
                copy.children[at] = Arc::new(new);
            }
        }
        copy
    }

    /// A valueless node for the first `at` bytes of the edge, with the rest of this node below it.
    fn split(&self, at: usize) -> Self {
        let mut below = self.clone();
        below.edge = self.edge[at..].into();
        Self {
            edge: self.edge[..at].into(),
            value: None,
            children: vec![Arc::new(below)],
        }
    }

    /// This node without `key`, or `None` when the key is not here.
    fn without(&self, key: &[u8]) -> Option<Self> {
        let mut copy = self.clone();
        let Some(&first) = key.first() else {
            copy.value.take()?;
            return Some(copy);
        };
        let at = self.child(first).ok()?;
        let child = &self.children[at];
        let below = child.without(key.strip_prefix(&*child.edge)?)?;
        match below.tidied() {
            Some(kept) => copy.children[at] = Arc::new(kept),
            None => {
                copy.children.remove(at);
            }
        }
        Some(copy)
    }

    /// Drops an empty node and merges a valueless one with its only child.
    fn tidied(mut self) -> Option<Self> {
        if self.value.is_some() || self.children.len() > 1 {
            return Some(self);
        }
        let only = self.children.pop()?;
        let edge = [&*self.edge, &*only.edge].concat();
        Some(Self {
            edge: edge.into(),
            value: only.value.clone(),
            children: only.children.clone(),
        })
    }

    fn collect<'n>(&'n self, into: &mut Vec<&'n Arc<V>>) {
        into.extend(self.value.as_ref());
        for child in &self.children {
            child.collect(into);
        }
    }
}

/// How many leading bytes `a` and `b` share.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// An immutable table from paths to values; "changes" make a new one that shares all but one path.
#[derive(Debug)]
pub(crate) struct Trie<V> {
    root: Node<V>,
    len: usize,
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self {
            root: Node {
                edge: Box::default(),
                value: None,
                children: Vec::new(),
            },
            len: 0,
        }
    }
}

impl<V> Trie<V> {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The table with `key` set to `value`.
    pub(crate) fn with(&self, key: &str, value: Arc<V>) -> Self {
        let len = self.len + usize::from(self.get(key).is_none());
        Self {
            root: self.root.with(key.as_bytes(), value),
            len,
        }
    }

    /// The table without `key`; `None` when it has no such key. What lies below the key stays.
    pub(crate) fn without(&self, key: &str) -> Option<Self> {
        Some(Self {
            root: self.root.without(key.as_bytes())?,
            len: self.len - 1,
        })
    }

    /// The value stored at exactly `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<V>> {
        let mut node = &self.root;
        let mut rest = key.as_bytes();
        while let Some(&first) = rest.first() {
            node = &node.children[node.child(first).ok()?];
            rest = rest.strip_prefix(&*node.edge)?;
        }
        node.value.as_ref()
    }

    /// The value with the longest key whose segments are a prefix of those of `path` (slashes trimmed). Allocates
    /// nothing.
    pub(crate) fn longest(&self, path: &str) -> Option<&Arc<V>> {
        let mut node = &self.root;
        let mut rest = path.as_bytes();
        let mut best = node.value.as_ref();
        while let Some(&first) = rest.first() {
            let Ok(at) = node.child(first) else { break };
            node = &node.children[at];
            let Some(after) = rest.strip_prefix(&*node.edge) else {
                break;
            };
            rest = after;
            if matches!(rest.first(), None | Some(b'/')) && node.value.is_some() {
                best = node.value.as_ref();
            }
        }
        best
    }

    /// All values in the order of their keys.
    pub(crate) fn values(&self) -> Vec<&Arc<V>> {
        let mut all = Vec::with_capacity(self.len);
        self.root.collect(&mut all);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What the trie must agree with: compare segments, take the longest.
    fn naive<'m>(all: &'m BTreeMap<String, u32>, path: &str) -> Option<&'m u32> {
        let segments = |text: &str| -> Vec<String> {
            if text.is_empty() {
                Vec::new()
            } else {
                text.split('/').map(str::to_owned).collect()
            }
        };
        let wanted = segments(path);
        all.iter()
            .filter(|(key, _)| wanted.starts_with(&segments(key)))
            .max_by_key(|(key, _)| segments(key).len())
            .map(|(_, value)| value)
    }

    #[test]
    fn only_whole_segments_match() {
        let trie = ["", "r", "user/a", "user/a/gpu", "user/ab"]
            .into_iter()
            .fold(Trie::default(), |trie, key| trie.with(key, Arc::new(key)));
        for (path, expected) in [
            ("", ""),
            ("rx", ""),
            ("r", "r"),
            ("r/x", "r"),
            ("user", ""),
            ("user/a", "user/a"),
            ("user/abc", ""),
            ("user/ab/c", "user/ab"),
            ("user/a/gpux", "user/a"),
            ("user/a/gpu/x", "user/a/gpu"),
            ("user//a", ""),
        ] {
            assert_eq!(trie.longest(path).map(|v| **v), Some(expected), "{path}");
        }
    }

    #[test]
    fn removing_keeps_what_is_below_and_above() {
        let trie = ["user", "user/a", "user/a/b"]
            .into_iter()
            .fold(Trie::default(), |t, k| t.with(k, Arc::new(k)));
        let trie = trie.without("user/a").unwrap();
        assert!(trie.without("user/a").is_none());
        assert_eq!(trie.longest("user/a/b/c").map(|v| **v), Some("user/a/b"));
        assert_eq!(trie.longest("user/a/c").map(|v| **v), Some("user"));
        assert_eq!((trie.len(), trie.values().len()), (2, 2));
    }

    #[test]
    fn a_change_leaves_older_tables_alone() {
        let before = Trie::default().with("a/b", Arc::new(1));
        let after = before.with("a/bc", Arc::new(2)).without("a/b").unwrap();
        assert_eq!(before.get("a/b").map(|v| **v), Some(1));
        assert_eq!(after.get("a/b"), None);
        assert_eq!(after.get("a/bc").map(|v| **v), Some(2));
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_list(
            steps in proptest::collection::vec(("(|[ab]{1,3}(/[ab]{0,2}[ab]){0,3})", any::<bool>()), 0..60),
            paths in proptest::collection::vec("[ab/]{0,12}", 1..30),
        ) {
            let mut trie = Trie::default();
            let mut model = BTreeMap::new();
            for (n, (key, add)) in (0u32..).zip(&steps) {
                if *add {
                    trie = trie.with(key, Arc::new(n));
                    model.insert(key.clone(), n);
                } else {
                    let had = model.remove(key).is_some();
                    let next = trie.without(key);
                    prop_assert_eq!(next.is_some(), had);
                    trie = next.unwrap_or(trie);
                }
            }
            prop_assert_eq!(trie.len(), model.len());
            prop_assert_eq!(trie.values().into_iter().map(|v| **v).collect::<std::collections::BTreeSet<_>>(),
                model.values().copied().collect());
            for path in steps.iter().map(|(key, _)| key).chain(&paths) {
                let path = path.trim_matches('/');
                prop_assert_eq!(trie.longest(path).map(|v| **v), naive(&model, path).copied(), "{}", path);
                prop_assert_eq!(trie.get(path).map(|v| **v), model.get(path).copied());
            }
        }
    }
}
