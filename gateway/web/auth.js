// The user's token: it arrives once in the fragment of the page's address (which no server sees),
// is kept in this browser, and leaves the address bar.

const KEY = 'beatreel.token';

/** @returns {string | null} */
export function token() {
  return localStorage.getItem(KEY);
}

/** @param {string} value */
export function keep(value) {
  localStorage.setItem(KEY, value);
}

export function forget() {
  localStorage.removeItem(KEY);
}

/** Takes `#token=…` or `#/jobs/<id>?token=…` out of the address bar and keeps it. */
export function takeFromAddress() {
  const found = find(location.hash);
  if (!found) return;
  keep(found);
  history.replaceState(null, '', location.pathname + location.search + withoutToken(location.hash));
}

/** What is left of a fragment without its token: a view's address. @param {string} hash */
export function withoutToken(hash) {
  const rest = hash.replace(/[#&?]token=[^&]*/, '');
  return rest.startsWith('#/') ? rest : '#/';
}

/**
 * The token in a text that is one, or in an address that carries one.
 * @param {string} text
 * @returns {string | null}
 */
export function find(text) {
  const match = /(?:^\s*|[#&?]token=)([\w-]+\.[\w-]+\.[\w-]+)\s*(?:&|$)/.exec(text);
  return match?.[1] ?? null;
}

/**
 * What a token says about itself: the user's e-mail address, and whether it has run out. Only the server can tell whether it is genuine.
 * @param {string} value
 * @returns {{ user: string | null, expired: boolean }}
 */
export function read(value) {
  try {
    const base64 = (value.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return {
      user: claims.email ?? null,
      expired: typeof claims.exp === 'number' && claims.exp * 1000 <= Date.now(),
    };
  } catch {
    return { user: null, expired: false };
  }
}
