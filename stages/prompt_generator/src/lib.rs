//! Module 6: writes an instruction and the scene parameters for every clip.
//!
//! Frames are settled here, once, from absolute time; everyone after obeys them. It must not know pixels
//! or models. Start reading at [`instructions::write`].

pub mod instructions;

mod cues;
mod wording;

use instructions::Sources;
use model::handoff::{Instructed, Referenced};
use model::{EventBody, StageKind};
use runtime::config::{ConfigError, Vars};
use runtime::{Stage, StageContext, StageError, StageResultExt};

/// The stage: reads analysis, plan and stills, writes the instructions, stores them.
#[derive(Debug, Clone, Copy)]
pub struct PromptGenerator;

impl PromptGenerator {
    /// Needs no settings.
    ///
    /// # Errors
    /// None so far; the signature is that of every stage.
    pub const fn from_config(_: &Vars) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Stage for PromptGenerator {
    const KIND: StageKind = StageKind::PromptGenerator;
    type Input = Referenced;
    type Output = Instructed;

    async fn run(&self, input: Referenced, cx: &StageContext) -> Result<Instructed, StageError> {
        let heard = cx.load(&input.analysis).await?;
        let plan = cx.load(&input.plan).await?;
        let references = cx.load(&input.references).await?;
        cx.checkpoint()?;
        let sources = Sources {
            prompt: cx.job().prompt.as_str(),
            title: cx.job().title.as_deref(),
            letters: cx.job().options.lettering,
            heard: &heard,
            plan: &plan,
            references: &references,
            style: cx.job().options.style,
            rate: cx.job().format.rate,
        };
        let prompts = instructions::write(&sources).or_fatal("writing the instructions")?;
        let clips = prompts.clips.len() as u32;
        let stored = cx.store("prompts.json", &prompts).await?;
        // Each of them is made in every shape.
        let total_clips = clips * cx.job().formats().len() as u32;
        cx.emit(EventBody::PromptGeneratorResults { total_clips });
        Ok(Instructed {
            analysis: input.analysis,
            envelopes: heard.envelopes,
            prompts: stored,
            clips,
            base: None,
        })
    }
}
