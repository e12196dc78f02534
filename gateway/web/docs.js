// The API's description for people: /openapi.json as headings, tables and commands to copy.

const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

const table = (heads, rows) => {
  const made = element('table');
  const head = made.createTHead().insertRow();
  for (const text of heads) head.append(element('th', text, { scope: 'col' }));
  const body = made.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((text, index) => row.insertCell().append(index === 0 ? element('code', text) : text ?? ''));
  }
  return made;
};

const start = async () => {
  const answer = await fetch('/openapi.json');
  const api = await answer.json();
  const follow = (part) => part?.$ref ? part.$ref.split('/').slice(1).reduce((at, key) => at?.[key], api) : part;
  const nameOf = (schema) => {
    if (!schema) return '';
    if (schema.$ref) return schema.$ref.split('/').pop();
    const either = schema.oneOf ?? schema.anyOf;
    if (either) return either.map(nameOf).join(' or ');
    const type = [schema.type].flat().filter(Boolean).join(' or ');
    return type === 'array' ? `${nameOf(schema.items)}[]` : type;
  };
  const fields = (schema) => Object.entries(follow(schema)?.properties ?? {}).map(([name, field]) => [
    name, nameOf(field), follow(schema).required?.includes(name) ? 'always' : '', field.description ?? '',
  ]);

  document.querySelector('#about').textContent = `${api.info.description} Version ${api.info.version}.`;
  const contents = document.querySelector('#contents').appendChild(element('ul'));
  const main = document.querySelector('#operations');
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const id = operation.operationId;
      const entry = contents.appendChild(element('li'));
      entry.append(element('a', `${method.toUpperCase()} ${path}`, { href: `#${id}` }));
      main.append(...section(method, path, operation));
    }
  }

  function section(method, path, operation) {
    const heading = element('h2', '', { id: operation.operationId });
    heading.append(element('code', method, { class: 'method' }), ' ', element('code', path));
    const parts = [heading, element('p', operation.summary ?? ''), element('p', operation.description ?? '')];
    if (operation.parameters?.length) {
      const rows = operation.parameters.map((one) => [one.name, one.in, nameOf(one.schema), one.description]);
      parts.push(element('h3', 'Parameters'), table(['name', 'in', 'type', 'meaning'], rows));
    }
    for (const [type, body] of Object.entries(operation.requestBody?.content ?? {})) {
      parts.push(element('h3', `Body: ${type}`), table(['field', 'type', 'given', 'meaning'], fields(body.schema)));
    }
    parts.push(element('pre', command(method, path, operation)));
    const answers = Object.entries(operation.responses).map(([status, response]) => {
      const told = follow(response);
      const schema = Object.values(told.content ?? {})[0]?.schema;
      return [status, nameOf(schema), told.description];
    });
    parts.push(element('h3', 'Answers'), table(['status', 'body', 'meaning'], answers));
    const good = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))?.[1];
    const rows = fields(Object.values(follow(good)?.content ?? {})[0]?.schema);
    if (rows.length) parts.push(table(['field', 'type', 'given', 'meaning'], rows));
    return parts;
  }

  function command(method, path, operation) {
    const words = ['curl'];
    if (method !== 'get') words.push('-X', method.toUpperCase());
    if (operation.security) words.push('-H "Authorization: Bearer $TOKEN"');
    const types = Object.keys(operation.requestBody?.content ?? {});
    if (types.includes('multipart/form-data')) words.push('-F audio_file=@song.mp3 -F user_prompt="$PROMPT"');
    if (types.includes('application/json')) words.push('-H "Content-Type: application/json" -d \'{"duration": 180}\'');
    words.push(`${location.origin}${path}`);
    return words.join(' ');
  }
};

start().catch((error) => {
  document.querySelector('#about').textContent = `The description cannot be read: ${error.message}`;
});
