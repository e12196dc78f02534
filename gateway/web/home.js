// The first view: a form for a new film, and the films made so far.

import { h } from './dom.js';
import { filmList } from './films.js';
import { uploadForm } from './upload.js';

/** @param {import('./app.js').Place} place */
export function homeView({ root, signal }) {
  document.title = 'Beatreel';
  root.append(
    h('div', { class: 'home' },
      h('section', { 'aria-labelledby': 'new' },
        h('h1', { id: 'new', tabIndex: -1 }, 'A song in, a film out.'),
        h('p', { class: 'lead' }, 'Drop a song, say in a sentence what you see when you hear it, and watch a film appear whose every cut lies on the beat.'),
        uploadForm(signal)),
      filmList(signal)));
}
