//! English: words for what is to be seen, and words for how.

use model::look::Motif::{Birds, Bokeh, Dust, Embers, LightLeaks, Rain as RainFalls, Snow, Stars};
use model::look::SceneKind::{
    Aurora, Bauhaus, Chrome, Clouds, Constellation, Contours, Dunes, Forest, Halftone, Ink, Nebula,
    NeonCity, Ocean, Rain, Ridges, Silk, Tunnel,
};

use super::Meaning::{Film, Hue, Motif as Asks, Scene, Tint, Tone as Shift};
use super::Tone::{Lightness, Pace, Vividness, Warmth};
use super::Words;

/// Things and places.
pub(super) const WORDS: Words = &[
    (
        "space galaxy galaxies cosmos cosmic universe interstellar nebula orbit astronaut planet supernova",
        &[Scene(Nebula, 2.0), Shift(Lightness, -0.2)],
    ),
    (
        "star starlight starry stardust",
        &[
            Scene(Nebula, 1.2),
            Scene(Constellation, 0.7),
            Asks(Stars, 1.0),
        ],
    ),
    (
        "void alien rocket comet meteor spaceship moonwalk",
        &[Scene(Nebula, 1.2)],
    ),
    (
        "eternity infinite infinity celestial heavenly",
        &[Scene(Nebula, 0.9), Scene(Clouds, 0.5)],
    ),
    (
        "constellation zodiac astrology",
        &[Scene(Constellation, 2.0), Asks(Stars, 0.5)],
    ),
    (
        "network connection connected data neural web digital particle particles",
        &[Scene(Constellation, 1.6)],
    ),
    (
        "thought mind brain together united",
        &[Scene(Constellation, 0.7)],
    ),
    (
        "dream dreamy fantasy magic magical",
        &[Scene(Clouds, 0.7), Scene(Ink, 0.4), Asks(Dust, 0.6)],
    ),
    (
        "surreal imagination",
        &[Scene(Tunnel, 0.7), Scene(Chrome, 0.5), Scene(Ink, 0.5)],
    ),
    (
        "psychedelic trippy kaleidoscope mandala hypnotic hypnosis",
        &[Scene(Tunnel, 2.0), Shift(Vividness, 0.3)],
    ),
    (
        "tunnel portal vortex spiral fractal trance",
        &[Scene(Tunnel, 1.8)],
    ),
    (
        "acid delirium hallucination rabbit wormhole",
        &[Scene(Tunnel, 1.3)],
    ),
    (
        "moon moonlight lunar",
        &[
            Scene(Ocean, 0.8),
            Scene(Nebula, 0.4),
            Shift(Lightness, -0.2),
        ],
    ),
    (
        "mountain hill ridge valley canyon peak alps landscape summit",
        &[Scene(Ridges, 2.0)],
    ),
    (
        "prairie horizon meadow field countryside",
        &[Scene(Ridges, 1.2)],
    ),
    (
        "sunset sunrise dawn dusk sundown twilight",
        &[
            Scene(Ridges, 1.1),
            Scene(Ocean, 0.6),
            Tint(55.0),
            Shift(Warmth, 0.4),
        ],
    ),
    (
        "road journey travel wander wanderer hike freedom west country",
        &[Scene(Ridges, 0.8), Scene(Dunes, 0.5)],
    ),
    (
        "home village hometown childhood",
        &[Scene(Ridges, 0.5), Film(0.4)],
    ),
    (
        "eagle bird flock swallow raven crow",
        &[Asks(Birds, 1.5), Scene(Ridges, 0.4), Scene(Clouds, 0.4)],
    ),
    (
        "desert dune sahara sand oasis camel nomad mirage",
        &[Scene(Dunes, 2.0), Tint(65.0)],
    ),
    (
        "egypt arabian caravan pharaoh pyramid heatwave",
        &[Scene(Dunes, 1.4), Tint(65.0)],
    ),
    (
        "forest tree wood woodland woods pine grove jungle",
        &[Scene(Forest, 2.0), Tint(150.0)],
    ),
    (
        "nature wild earth leaf leaves wilderness",
        &[Scene(Forest, 1.0), Tint(150.0)],
    ),
    (
        "fairy fairytale elf deer wolf wolves fox",
        &[Scene(Forest, 1.1), Asks(Dust, 0.5)],
    ),
    (
        "sun sunny summer sunshine sunlight",
        &[Scene(Ridges, 0.7), Scene(Dunes, 0.4), Shift(Lightness, 0.3)],
    ),
    (
        "autumn fall harvest october november",
        &[Scene(Forest, 0.9), Tint(50.0)],
    ),
    (
        "spring blossom flower garden bloom petal",
        &[Scene(Silk, 0.6), Scene(Forest, 0.5), Shift(Lightness, 0.2)],
    ),
    (
        "fog mist haze foggy misty",
        &[
            Scene(Forest, 0.8),
            Scene(Ridges, 0.5),
            Shift(Vividness, -0.3),
        ],
    ),
    (
        "ocean sea wave tide coast beach shore surf sailor",
        &[Scene(Ocean, 2.0), Tint(230.0)],
    ),
    (
        "ship boat sail harbour harbor island lighthouse mermaid",
        &[Scene(Ocean, 1.7), Tint(230.0)],
    ),
    (
        "whale seagull tropical caribbean shipwreck",
        &[Scene(Ocean, 1.2), Asks(Birds, 0.3)],
    ),
    (
        "river water waterfall stream",
        &[Scene(Ink, 0.8), Scene(Ocean, 0.7), Tint(230.0)],
    ),
    (
        "cloud sky skies soar soaring airplane aeroplane plane",
        &[Scene(Clouds, 2.0)],
    ),
    (
        "fly flight flying wing wings angel heaven",
        &[Scene(Clouds, 1.5), Asks(Birds, 0.3)],
    ),
    (
        "above weightless balloon paradise ascend",
        &[Scene(Clouds, 1.0)],
    ),
    (
        "city cities urban street downtown skyline metropolis skyscraper tokyo manhattan",
        &[Scene(NeonCity, 2.0)],
    ),
    (
        "neon cyberpunk synthwave outrun vaporwave",
        &[Scene(NeonCity, 1.6), Shift(Vividness, 0.6)],
    ),
    (
        "car drive driving highway taxi motorbike traffic motorway",
        &[Scene(NeonCity, 1.1), Shift(Pace, 0.2)],
    ),
    (
        "night midnight nocturnal nightlife",
        &[Scene(NeonCity, 0.6), Shift(Lightness, -0.4)],
    ),
    (
        "club party dance dancing disco rave dancefloor",
        &[Scene(NeonCity, 0.7), Scene(Tunnel, 0.3), Shift(Pace, 0.4)],
    ),
    (
        "retro eighties 80s arcade",
        &[Scene(NeonCity, 0.7), Scene(Halftone, 0.5), Film(0.4)],
    ),
    (
        "robot machine future futuristic cyber android",
        &[Scene(Chrome, 0.8), Scene(NeonCity, 0.6)],
    ),
    (
        "rain raining rainy raindrop drizzle downpour",
        &[
            Scene(Rain, 2.0),
            Asks(RainFalls, 1.2),
            Shift(Lightness, -0.2),
        ],
    ),
    (
        "window windscreen windshield umbrella puddle wet",
        &[Scene(Rain, 1.2)],
    ),
    (
        "bokeh blurred defocused",
        &[Scene(Rain, 0.8), Asks(Bokeh, 1.5)],
    ),
    (
        "lights lamp lantern firefly fireflies fairylights",
        &[Asks(Bokeh, 1.2), Scene(Rain, 0.3)],
    ),
    (
        "geometric geometry bauhaus shape circle square triangle abstract",
        &[Scene(Bauhaus, 2.0)],
    ),
    (
        "minimal minimalist swiss pattern mosaic collage tile",
        &[Scene(Bauhaus, 1.4)],
    ),
    (
        "design modern modernist cubist constructivist",
        &[Scene(Bauhaus, 1.1)],
    ),
    (
        "playful funky jazz jazzy groove quirky toy",
        &[Scene(Bauhaus, 0.9), Shift(Vividness, 0.2)],
    ),
    (
        "poster graphic print printed halftone comic newspaper",
        &[Scene(Halftone, 2.0)],
    ),
    (
        "punk zine screenprint stencil pop-art popart dots ska",
        &[Scene(Halftone, 1.5)],
    ),
    (
        "paper cardboard papercut layers layered",
        &[Scene(Contours, 1.0), Scene(Bauhaus, 0.6)],
    ),
    (
        "map topographic topography contour terrain cartography atlas",
        &[Scene(Contours, 2.0)],
    ),
    (
        "explore explorer expedition compass geography lines",
        &[Scene(Contours, 1.2)],
    ),
    (
        "maze labyrinth fingerprint territory",
        &[Scene(Contours, 1.0)],
    ),
    (
        "aurora borealis northern polar arctic",
        &[Scene(Aurora, 2.0)],
    ),
    (
        "winter snow snowy snowfall blizzard",
        &[Scene(Aurora, 1.0), Asks(Snow, 1.4), Tint(225.0)],
    ),
    (
        "ice icy frozen frost glacier",
        &[Scene(Aurora, 1.4), Tint(225.0)],
    ),
    (
        "lake reflection still stillness",
        &[Scene(Aurora, 1.1), Shift(Pace, -0.3)],
    ),
    (
        "north scandinavia norway iceland christmas",
        &[Scene(Aurora, 1.0), Asks(Snow, 0.5)],
    ),
    (
        "ink smoke fluid watercolor watercolour marbled",
        &[Scene(Ink, 2.0)],
    ),
    (
        "underwater drown drowning deep",
        &[Scene(Ink, 1.0), Scene(Ocean, 0.5), Tint(230.0)],
    ),
    (
        "paint painting brush flow drift float",
        &[Scene(Ink, 0.9), Shift(Pace, -0.2)],
    ),
    (
        "memory memories lonely melancholy melancholic ghost soul tear tears",
        &[Scene(Ink, 0.7), Scene(Rain, 0.3)],
    ),
    (
        "love heart kiss romance romantic lover",
        &[Scene(Silk, 0.9), Asks(LightLeaks, 0.4)],
    ),
    (
        "silk satin velvet fabric cloth ribbon veil gown",
        &[Scene(Silk, 2.0)],
    ),
    (
        "elegant sensual luxury fashion glamour smooth ballet ballerina",
        &[Scene(Silk, 1.3)],
    ),
    (
        "chrome metal metallic mercury steel molten liquid",
        &[Scene(Chrome, 2.0)],
    ),
    (
        "mirror glass glossy shiny alloy plastic y2k",
        &[Scene(Chrome, 1.2)],
    ),
    (
        "fire flame burn blaze bonfire campfire",
        &[
            Scene(Ink, 0.5),
            Asks(Embers, 1.5),
            Tint(45.0),
            Shift(Vividness, 0.3),
        ],
    ),
    (
        "ember spark ash lava volcano inferno hell",
        &[
            Scene(Ink, 0.6),
            Asks(Embers, 1.5),
            Tint(40.0),
            Shift(Lightness, -0.2),
        ],
    ),
    (
        "storm thunder lightning hurricane tempest",
        &[
            Scene(Ocean, 0.9),
            Asks(RainFalls, 0.8),
            Shift(Lightness, -0.3),
        ],
    ),
];

/// Colours, light, texture and pace.
pub(super) const QUALITIES: Words = &[
    ("dust dusty sunbeam pollen", &[Asks(Dust, 1.5)]),
    (
        "sepia vintage old nostalgic nostalgia analog analogue",
        &[Film(1.0), Asks(Dust, 0.4), Shift(Vividness, -0.5)],
    ),
    (
        "film cinematic super8 16mm 35mm polaroid grain grainy vhs",
        &[Film(1.0), Asks(LightLeaks, 0.6)],
    ),
    (
        "flare leak sunflare overexposed hazy golden-hour",
        &[Asks(LightLeaks, 1.4), Shift(Lightness, 0.1)],
    ),
    ("snowflake flakes", &[Asks(Snow, 1.6)]),
    ("red crimson scarlet ruby blood", &[Hue(27.0)]),
    ("orange amber copper rust tangerine", &[Hue(55.0)]),
    ("gold golden", &[Hue(85.0)]),
    ("yellow lemon mustard", &[Hue(105.0)]),
    ("olive", &[Hue(120.0), Shift(Vividness, -0.2)]),
    ("green emerald jade lime", &[Hue(150.0)]),
    ("mint", &[Hue(165.0), Shift(Lightness, 0.2)]),
    ("teal turquoise", &[Hue(190.0)]),
    ("cyan aqua", &[Hue(210.0)]),
    ("blue azure navy cobalt sapphire", &[Hue(255.0)]),
    ("indigo", &[Hue(275.0)]),
    ("violet purple lavender lilac", &[Hue(300.0)]),
    ("magenta fuchsia", &[Hue(330.0)]),
    ("pink rose", &[Hue(5.0)]),
    ("coral peach salmon apricot", &[Hue(35.0)]),
    (
        "brown chocolate sepia-toned bronze",
        &[Hue(60.0), Shift(Vividness, -0.3)],
    ),
    (
        "dark noir black gloomy shadow grim haunted darkness",
        &[Shift(Lightness, -0.5)],
    ),
    (
        "bright light white luminous radiant airy day",
        &[Shift(Lightness, 0.5)],
    ),
    ("warm cozy cosy", &[Shift(Warmth, 0.7)]),
    ("cold cool chilly", &[Shift(Warmth, -0.7)]),
    (
        "vivid colorful colourful saturated electric glowing glow rainbow",
        &[Shift(Vividness, 0.5)],
    ),
    (
        "pastel muted faded grey gray monochrome silver desaturated",
        &[Shift(Vividness, -0.6)],
    ),
    (
        "slow slowly calm gentle quiet peaceful serene soft tender",
        &[Shift(Pace, -0.5)],
    ),
    (
        "fast frantic energetic intense explosive powerful rush furious",
        &[Shift(Pace, 0.5)],
    ),
];
