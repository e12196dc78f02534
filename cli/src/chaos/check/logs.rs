//! I9: no log tells of a panic, and none tells what it must not.

use std::path::Path;

use anyhow::Context;

use super::Findings;

/// I9: no panic, and none of `secrets`, in any file of `folder`.
pub(in super::super) fn clean_logs(
    folder: &Path,
    secrets: &[(&'static str, String)],
) -> anyhow::Result<Findings> {
    let mut findings = Findings::of("I9", "no panic and no secret in any log");
    let (mut files, mut lines) = (0, 0);
    let logs = std::fs::read_dir(folder).context("reading the logs")?;
    for path in logs.filter_map(|entry| Some(entry.ok()?.path())) {
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files += 1;
        for (number, line) in text.lines().enumerate() {
            lines += 1;
            findings.expect(!line.contains("panicked"), || {
                format!("{name}:{}: {line}", number + 1)
            });
            for (what, secret) in secrets {
                findings.expect(!line.contains(secret.as_str()), || {
                    format!("{name}:{} holds {what}", number + 1)
                });
            }
        }
    }
    Ok(findings.after(format!("{lines} lines in {files} logs")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_secrets_are_found_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a.log"),
            "fine\nthread 'x' panicked at y\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("b.log"), "token=hush\n").unwrap();
        let secrets = [("a token", "hush".to_owned())];
        let mut broken = clean_logs(folder.path(), &secrets).unwrap().broken;
        broken.sort_unstable();
        assert_eq!(
            broken,
            ["a.log:2: thread 'x' panicked at y", "b.log:1 holds a token"]
        );
    }
}
