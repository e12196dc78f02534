//! Module 4: directs the film from the prompt and what was heard.
//!
//! The director is a set of rules: pure functions from words and sections to places, palette and shots.
//! It must not know pixels or models. Start reading at [`plan::direct`].

pub mod plan;

mod colours;
mod motifs;
mod oklch;
mod places;
mod shots;
mod theme;
mod transitions;
mod vocabulary;

use model::handoff::{Heard, Planned};
use model::plan::ScenePlan;
use model::{EventBody, StageKind};
use runtime::config::{ConfigError, Vars};
use runtime::{Stage, StageContext, StageError};

/// The stage: reads the analysis, directs, stores the plan.
#[derive(Debug, Clone, Copy)]
pub struct ScenePlanner;

impl ScenePlanner {
    /// Needs no settings.
    ///
    /// # Errors
    /// None so far; the signature is that of every stage.
    pub const fn from_config(_: &Vars) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Stage for ScenePlanner {
    const KIND: StageKind = StageKind::ScenePlanner;
    type Input = Heard;
    type Output = Planned;

    async fn run(&self, heard: Heard, cx: &StageContext) -> Result<Planned, StageError> {
        let analysis = cx.load(&heard.analysis).await?;
        let job = cx.job();
        let asked = (job.prompt.as_str(), job.options.style);
        let plan = plan::direct(asked, &analysis, job.seed);
        cx.checkpoint()?;
        let stored = cx.store("plan.json", &plan).await?;
        cx.emit(results(&plan));
        Ok(Planned {
            analysis: heard.analysis,
            plan: stored,
        })
    }
}

/// What the page shows of a plan.
fn results(plan: &ScenePlan) -> EventBody {
    EventBody::ScenePlannerResults {
        video_summary: plan.summary.clone(),
        palette: plan.palette,
        places: plan
            .places
            .iter()
            .map(|place| place.description.clone())
            .collect(),
    }
}
