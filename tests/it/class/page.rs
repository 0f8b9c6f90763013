//! The page as blocks: what it has one type, and what it has one write into files.

use e2e::peers;

/// A block between two fences.
#[derive(Debug, Clone)]
struct Block {
    section: String,
    language: String,
    text: String,
}

/// `docs/howto/a-class-on-one-machine.md`.
#[derive(Debug)]
pub(super) struct Page(Vec<Block>);

impl Page {
    pub(super) fn read() -> Self {
        let file = peers::workspace().join("docs/howto/a-class-on-one-machine.md");
        let text = std::fs::read_to_string(file).expect("the page");
        let (mut blocks, mut section, mut open) = (Vec::new(), String::new(), None::<Block>);
        for line in text.lines() {
            match (&mut open, line.strip_prefix("```")) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, Some(language)) => {
                    open = Some(Block {
                        section: section.clone(),
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
                (None, None) => {
                    if let Some(title) = line.strip_prefix("## ") {
                        title.clone_into(&mut section);
                    }
                }
            }
        }
        assert!(open.is_none(), "a fence is not closed");
        Self(blocks)
    }

    /// The commands of a section, a text for each block.
    pub(super) fn commands(&self, section: &str) -> Vec<String> {
        let blocks = self.0.iter();
        let found: Vec<_> = blocks
            .filter(|block| block.language == "bash" && block.section.ends_with(section))
            .map(|block| block.text.clone())
            .collect();
        assert!(!found.is_empty(), "no commands in {section:?}");
        found
    }

    /// The file whose path stands in the first line.
    pub(super) fn file(&self, path: &str) -> String {
        let first = format!("# {path}\n");
        let found = self.0.iter().find(|block| block.text.starts_with(&first));
        found.expect("a file of this path").text.clone()
    }

    /// Every piece of configuration, the whole file first.
    pub(super) fn configurations(&self) -> Vec<String> {
        let blocks = self.0.iter().filter(|block| block.language == "toml");
        blocks.map(|block| block.text.clone()).collect()
    }
}
