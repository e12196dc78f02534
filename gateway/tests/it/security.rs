//! `docs/security.md` names tests; they have to be there.

use std::path::{Path, PathBuf};

/// Where tests of what the gateway promises lie.
const ROOMS: [&str; 4] = [
    "cli/tests",
    "common/media/src",
    "gateway/src",
    "gateway/tests",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_the_table_of_attacks_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![];
    for room in ROOMS {
        sources(&root.join(room), &mut files);
    }
    let code: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let table = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut named = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let tests = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        if tests == "tests" {
            continue;
        }
        let names: Vec<_> = tests.split('`').filter(|name| name.contains('_')).collect();
        assert!(!names.is_empty(), "no test shows this: {line}");
        for name in names {
            assert!(code.contains(&format!("fn {name}()")), "there is no {name}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}
