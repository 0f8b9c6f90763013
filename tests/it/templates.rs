//! What whoever has written templates for JupyterHub counts on.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::peers;
use regex::Regex;

fn blocks(template: &Path) -> BTreeSet<String> {
    let block = Regex::new(r"\{%-?\s*block\s+(\w+)").expect("a pattern");
    let text = std::fs::read_to_string(template).unwrap_or_default();
    block
        .captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// Templates of one's own fill blocks: all that JupyterHub's have are in ours.
#[test]
fn every_block_of_jupyterhubs_templates_is_in_ours() {
    let theirs = peers::python_bin().join("../share/jupyterhub/templates");
    let ours = peers::workspace().join("hub/templates");
    let shared = blocks(&ours.join("page.html"));
    let mut compared = 0;
    for entry in std::fs::read_dir(theirs).expect("JupyterHub's templates") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_owned();
        let mut known = blocks(&ours.join(&name));
        known.extend(shared.iter().cloned());
        if name == "404.html" {
            known.extend(blocks(&ours.join("error.html")));
        }
        let wanted = blocks(&path);
        let missing: Vec<_> = wanted.difference(&known).collect();
        assert!(missing.is_empty(), "{name:?} lacks {missing:?}");
        compared += wanted.len();
    }
    assert!(compared > 40, "only {compared} blocks were found");
}
