//! What is laid over a place: the motifs that the prompt asks for and the scene bears, else one of its own.

use model::look::{Motif, SceneKind};

use crate::theme::{Theme, fnv1a};

/// At most two, the most wanted first.
pub(crate) fn over(scene: SceneKind, theme: &Theme) -> [Option<Motif>; 2] {
    let asked = theme.motifs.iter().copied();
    let mut fitting = asked.filter(|motif| bears(scene, *motif));
    let chosen = [fitting.next(), fitting.next()];
    if chosen != [None, None] {
        return chosen;
    }
    // Restraint: two places of three have a motif nobody asked for.
    let chance = fnv1a(theme.fingerprint, scene.name());
    let own =
        natural(scene).filter(|motif| !theme.without.contains(motif) && !chance.is_multiple_of(3));
    [own, None]
}

/// Whether a motif makes sense there: no birds indoors, no light that strays onto flat print.
fn bears(scene: SceneKind, motif: Motif) -> bool {
    use SceneKind::{
        Aurora, Bauhaus, Clouds, Constellation, Dunes, Forest, Halftone, Nebula, NeonCity, Ocean,
        Rain, Ridges,
    };
    let outdoors = matches!(
        scene,
        Aurora | Clouds | Dunes | Forest | NeonCity | Ocean | Ridges
    );
    let flat = matches!(scene, Bauhaus | Halftone);
    match motif {
        Motif::Birds => matches!(scene, Clouds | Dunes | Ocean | Ridges),
        Motif::Stars => matches!(scene, Aurora | Clouds | Dunes | Ocean | Ridges | NeonCity),
        Motif::Snow => outdoors,
        Motif::Rain => outdoors && scene != Clouds,
        Motif::Dust => !flat && !matches!(scene, Rain | Nebula | Constellation),
        Motif::Bokeh | Motif::LightLeaks | Motif::Embers => !flat && scene != Rain,
    }
}

/// What a scene has over it when nobody asks.
fn natural(scene: SceneKind) -> Option<Motif> {
    match scene {
        SceneKind::Ridges | SceneKind::Ocean | SceneKind::Clouds => Some(Motif::Birds),
        SceneKind::NeonCity => Some(Motif::Rain),
        SceneKind::Aurora => Some(Motif::Snow),
        SceneKind::Forest | SceneKind::Dunes | SceneKind::Ink | SceneKind::Tunnel => {
            Some(Motif::Dust)
        }
        SceneKind::Silk => Some(Motif::LightLeaks),
        SceneKind::Nebula
        | SceneKind::Bauhaus
        | SceneKind::Halftone
        | SceneKind::Rain
        | SceneKind::Contours
        | SceneKind::Chrome
        | SceneKind::Constellation => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme;

    #[test]
    fn what_is_asked_for_is_there_where_it_fits() {
        let theme = theme::read("snow and birds over the mountains");
        assert_eq!(
            over(SceneKind::Ridges, &theme),
            [Some(Motif::Birds), Some(Motif::Snow)]
        );
        assert_eq!(over(SceneKind::Bauhaus, &theme), [None, None]);
    }

    #[test]
    fn what_is_ruled_out_is_not_there() {
        for word in ["alpha", "beta", "gamma", "delta"] {
            let theme = theme::read(&format!("{word} city without rain"));
            assert_eq!(over(SceneKind::NeonCity, &theme), [None, None], "{word}");
        }
    }
}
