//! Where fetched tools lie: in the target directory of the build we run from, or in the user's cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The directory that holds fetched tools, which may not exist yet. `variable` looks up an
/// environment variable.
///
/// `BEATREEL_TOOLS_DIR` wins; then `<target>/tools` where `program` (the running executable) lies in
/// a target directory; then the user's cache directory. `None` where there is no home either.
pub(crate) fn tools_directory(
    program: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path("BEATREEL_TOOLS_DIR")
        .or_else(|| Some(target_directory(program?)?.join("tools")))
        .or_else(|| Some(path("XDG_CACHE_HOME")?.join("beatreel/tools")))
        .or_else(|| Some(path("HOME")?.join(".cache/beatreel/tools")))
}

/// The nearest directory above `program` that cargo marked as its own.
fn target_directory(program: &Path) -> Option<&Path> {
    program
        .ancestors()
        .skip(1)
        .find(|directory| directory.join("CACHEDIR.TAG").is_file() || directory.ends_with("target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &Path, variables: &[(&str, &str)], expected: Option<&Path>) {
        let lookup = |name: &str| {
            let (_, value) = variables.iter().find(|(other, _)| *other == name)?;
            Some(OsString::from(value))
        };
        assert_eq!(tools_directory(Some(program), lookup).as_deref(), expected);
    }

    #[test]
    fn the_build_directory_comes_before_the_cache_and_the_variable_before_both() {
        let built = Path::new("/repo/target/debug/deps/it-1234");
        let installed = Path::new("/usr/local/bin/beatreel");
        let home = ("HOME", "/home/ada");
        let cache = ("XDG_CACHE_HOME", "/caches");
        let chosen = ("BEATREEL_TOOLS_DIR", "/chosen");
        check(built, &[home, cache], Some(Path::new("/repo/target/tools")));
        check(built, &[home, chosen], Some(Path::new("/chosen")));
        check(
            installed,
            &[home],
            Some(Path::new("/home/ada/.cache/beatreel/tools")),
        );
        check(
            installed,
            &[home, cache],
            Some(Path::new("/caches/beatreel/tools")),
        );
        check(installed, &[], None);
    }

    #[test]
    fn a_target_directory_of_any_name_is_known_by_its_tag() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("CACHEDIR.TAG"), "").unwrap();
        let program = scratch.path().join("debug/beatreel");
        check(&program, &[], Some(&scratch.path().join("tools")));
    }
}
