//! The stage: a plan in, stored stills out.

use std::sync::Arc;

use model::handoff::{Planned, Referenced};
use model::music::Envelopes;
use model::plan::{Place, ScenePlan};
use model::reference::{ReferenceImage, ReferenceImages};
use model::{EventBody, StageKind};
use runtime::{ConfigError, Stage, StageContext, StageError, StageResultExt, Vars};

use crate::moment::{self, Moment};
use crate::still::{self, Still};

/// Draws a still for each place of the plan, with the built-in renderer.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferenceGenerator;

impl ReferenceGenerator {
    /// It needs no configuration; the answer has the shape that all stages share.
    pub fn from_config(_vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Stage for ReferenceGenerator {
    const KIND: StageKind = StageKind::ReferenceGenerator;
    type Input = Planned;
    type Output = Referenced;

    async fn run(&self, planned: Planned, cx: &StageContext) -> Result<Referenced, StageError> {
        let plan: ScenePlan = cx.load(&planned.plan).await?;
        let analysis = cx.load(&planned.analysis).await?;
        let music: Arc<Envelopes> = Arc::new(cx.load(&analysis.envelopes).await?);
        let mut images = Vec::with_capacity(plan.places.len());
        for (index, place) in plan.places.iter().enumerate() {
            cx.checkpoint()?;
            images.push(reference(place, &plan, &music, cx).await?);
            let (completed, total) = (index + 1, plan.places.len());
            cx.emit(EventBody::ReferenceGenerationComplete {
                image_id: place.id.0.clone(),
                completed_images: completed as u32,
                total_images: total as u32,
            });
            cx.progress(completed as f64 / total as f64);
        }
        let references = cx
            .store("references.json", &ReferenceImages { images })
            .await?;
        Ok(Referenced {
            analysis: planned.analysis,
            plan: planned.plan,
            references,
        })
    }
}

/// Draws and stores the still of one place.
async fn reference(
    place: &Place,
    plan: &ScenePlan,
    music: &Arc<Envelopes>,
    cx: &StageContext,
) -> Result<ReferenceImage, StageError> {
    let rate = cx.job().format.rate;
    let moment = moment::loudest(place, &plan.shots, music, rate);
    let Still { png, colours } = drawn(moment, Arc::clone(music), cx).await?;
    let key = cx.key(&format!("references/{}.png", place.id.0))?;
    let image = cx
        .artifacts()
        .put_bytes(&key, png.into())
        .await
        .or_retry("storing a still")?;
    Ok(ReferenceImage {
        place: place.id.clone(),
        image,
        size: still::size(cx.job().format.size),
        colours,
    })
}

/// The still of a moment, drawn away from the async threads.
async fn drawn(
    moment: Moment,
    music: Arc<Envelopes>,
    cx: &StageContext,
) -> Result<Still, StageError> {
    let (film, cancelled) = (cx.job().format, cx.cancelled());
    let work = move || still::draw(&moment, &music, film, || !cancelled.is_cancelled());
    tokio::task::spawn_blocking(work)
        .await
        .or_retry("drawing a still")?
        .or_fatal("drawing a still")?
        .ok_or(StageError::Cancelled)
}
