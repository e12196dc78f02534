//! German, Spanish, French and Portuguese: the words that name a picture, a colour or a pace.

use model::look::Motif::{Birds, Dust, Embers, Rain as RainFalls, Snow};
use model::look::SceneKind::{
    Aurora, Clouds, Contours, Dunes, Forest, Ink, Nebula, NeonCity, Ocean, Rain, Ridges, Silk,
};

use super::Meaning::{Hue, Motif as Asks, Scene, Tint, Tone as Shift};
use super::Tone::{Lightness, Pace};
use super::Words;

/// What the English words mean, in four other languages.
pub(super) const WORDS: Words = &[
    (
        "weltraum galaxie kosmos universum sterne espacio galaxia estrella espace étoile espaço estrela",
        &[Scene(Nebula, 2.0)],
    ),
    (
        "berg berge gebirge montaña montañas montagne montagnes montanha montanhas",
        &[Scene(Ridges, 2.0)],
    ),
    (
        "sonnenuntergang sonnenaufgang atardecer amanecer coucher aube crepúsculo",
        &[Scene(Ridges, 1.1), Scene(Ocean, 0.6), Tint(55.0)],
    ),
    (
        "stadt ciudad ville cidade straße calle rue rua",
        &[Scene(NeonCity, 2.0)],
    ),
    (
        "nacht noche nuit noite",
        &[Scene(NeonCity, 0.6), Shift(Lightness, -0.4)],
    ),
    (
        "meer ozean welle wellen mar océano ola olas mer océan vague vagues oceano onda ondas",
        &[Scene(Ocean, 2.0), Tint(230.0)],
    ),
    (
        "wüste düne dünen desierto dunas désert deserto",
        &[Scene(Dunes, 2.0), Tint(65.0)],
    ),
    (
        "wald bäume bosque árboles forêt arbres floresta árvores",
        &[Scene(Forest, 2.0), Tint(150.0)],
    ),
    (
        "himmel wolke wolken cielo nube nubes ciel nuage nuages céu nuvem nuvens",
        &[Scene(Clouds, 1.8)],
    ),
    (
        "regen lluvia pluie chuva",
        &[
            Scene(Rain, 1.6),
            Asks(RainFalls, 1.2),
            Shift(Lightness, -0.2),
        ],
    ),
    (
        "schnee nieve neige neve",
        &[Scene(Aurora, 1.0), Asks(Snow, 1.4), Tint(225.0)],
    ),
    (
        "eis hielo glace gelo nordlicht polarlicht boreal boréale",
        &[Scene(Aurora, 1.6)],
    ),
    (
        "tinte rauch tinta humo encre fumée fumaça",
        &[Scene(Ink, 2.0)],
    ),
    (
        "seide seda soie samt terciopelo velours veludo",
        &[Scene(Silk, 2.0)],
    ),
    (
        "liebe herz amor corazón amour cœur coração",
        &[Scene(Silk, 0.9)],
    ),
    (
        "feuer flamme fuego feu flammes fogo chama",
        &[Asks(Embers, 1.5), Scene(Ink, 0.5), Tint(45.0)],
    ),
    (
        "vogel vögel pájaro pájaros oiseau oiseaux pássaro pássaros",
        &[Asks(Birds, 1.5)],
    ),
    (
        "traum träume sueño sueños rêve rêves sonho sonhos",
        &[Scene(Clouds, 0.7), Asks(Dust, 0.6)],
    ),
    ("karte mapa carte landkarte", &[Scene(Contours, 1.8)]),
    ("rot rojo rouge vermelho", &[Hue(27.0)]),
    ("gelb amarillo jaune amarelo", &[Hue(105.0)]),
    ("grün verde vert", &[Hue(150.0)]),
    ("blau azul bleu", &[Hue(255.0)]),
    ("lila violett morado púrpura roxo", &[Hue(300.0)]),
    ("rosa", &[Hue(5.0)]),
    ("oro dorado doré dourado ouro", &[Hue(85.0)]),
    ("dunkel oscuro sombre escuro", &[Shift(Lightness, -0.5)]),
    ("claro clair licht luz lumière", &[Shift(Lightness, 0.4)]),
    (
        "langsam lento lent ruhig tranquilo calme sanft",
        &[Shift(Pace, -0.5)],
    ),
    ("schnell rápido rapide", &[Shift(Pace, 0.5)]),
];
