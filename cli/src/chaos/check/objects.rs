//! I6: every object that is named is there as it is named, and none is there that nobody owns.

use std::collections::BTreeMap;
use std::path::Path;

use model::job::JobStatus;
use model::{ArtifactRef, JobId};
use sha2::{Digest, Sha256};

use super::Findings;
use crate::chaos::evidence::{Evidence, references};

/// I6: what films, documents and events name lies in `folder`; what lies there belongs to a film.
pub(in super::super) fn intact(evidence: &Evidence, folder: &Path) -> Findings {
    let mut findings = Findings::of("I6", "every object named is there, and no other");
    let mut named: BTreeMap<String, ArtifactRef> = BTreeMap::new();
    let films = |job: &JobId| {
        let view = evidence.views.get(job);
        view.is_some_and(|view| view.status == JobStatus::Completed)
    };
    let claims = evidence.claims.iter().filter(|(task, _)| films(&task.job));
    let outputs = claims.filter_map(|(_, claim)| serde_json::to_value(claim).ok());
    let ends = evidence
        .events
        .iter()
        .filter(|m| m.subject.contains(".end."));
    let ends = ends.map(|message| message.payload.clone());
    for value in outputs.chain(ends) {
        for artifact in references(&value) {
            named.insert(artifact.key.as_str().to_owned(), artifact);
        }
    }
    for artifact in named.values() {
        if let Some(problem) = problem(folder, artifact) {
            findings.broken.push(format!("{}: {problem}", artifact.key));
        }
    }
    for object in evidence.objects.keys() {
        let job = object.split('/').nth(1).and_then(|job| job.parse().ok());
        let owned = job.as_ref().is_some_and(films);
        findings.expect(owned, || format!("{object} belongs to no film"));
        findings.expect(!is_half(object), || format!("{object} is half an object"));
    }
    for left in &evidence.scratch {
        findings.broken.push(format!("scratch/{left} was left"));
    }
    let count = evidence.objects.len();
    findings.after(format!("{} named of {count} objects", named.len()))
}

/// What is wrong with the object that `artifact` names.
fn problem(folder: &Path, artifact: &ArtifactRef) -> Option<String> {
    let bytes = match std::fs::read(folder.join(artifact.key.as_str())) {
        Ok(bytes) => bytes,
        Err(error) => return Some(error.to_string()),
    };
    if bytes.len() as u64 != artifact.length {
        return Some(format!("{} bytes, not {}", bytes.len(), artifact.length));
    }
    let digest = hex::encode(Sha256::digest(&bytes));
    (digest != artifact.sha256).then(|| "other bytes than named".to_owned())
}

/// The store's own names for what is not whole yet.
fn is_half(object: &str) -> bool {
    object.contains('#')
        || Path::new(object)
            .extension()
            .is_some_and(|kind| kind == "part")
}
