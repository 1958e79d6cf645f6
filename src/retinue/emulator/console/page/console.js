// The console of the local account. Whatever the account holds gets into the page as text and by no other way: elements
// are made by `el`, which knows no HTML. Nothing is loaded from elsewhere, and the key is kept in this page's memory.
"use strict";

// ── Elements ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An element. `on…` are listeners; attributes that are null or false are left out; children are nodes or texts. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== ""));
  return made;
}

/** A link inside of the console. No text of the account is ever an address to go to. */
const link = (parts, label, more = {}) => el("a", { href: "#/" + parts.map(encodeURIComponent).join("/"), ...more }, label);
const pre = (text, className = "") => el("pre", { class: className, tabindex: className ? 0 : null }, text);
const json = (value) => JSON.stringify(value, null, 2);
const byId = (id) => document.getElementById(id);

function when(seconds) {
  if (!seconds) return "";
  const date = new Date(seconds * 1000);
  const shown = date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: date.toISOString(), title: date.toISOString() }, shown);
}

function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const [unit, of] = [["MB", 1e6], ["kB", 1e3]].find((each) => bytes >= each[1]) ?? ["B", 1];
  return `${of === 1 ? bytes : (bytes / of).toFixed(1)}\u00a0${unit}`;
}

const GOOD = ["completed", "enabled", "active", "processed"];
const BUSY = ["queued", "in_progress", "requires_action", "cancelling", "pending"];
const BAD = ["failed", "incomplete", "error"];

function status(word) {
  if (!word) return "";
  const tone = GOOD.includes(word) ? "good" : BUSY.includes(word) ? "busy" : BAD.includes(word) ? "bad" : "off";
  return el("span", { class: `status ${tone}` }, word.replaceAll("_", " "));
}

/** Who owns an object, as Retinue's tag in its metadata says: `1;s=<stack>;a=<address>;…`. */
function ownerOf(object) {
  const tag = object.metadata?.retinue;
  if (typeof tag !== "string") return null;
  const part = (name) => tag.split(";").find((each) => each.startsWith(`${name}=`))?.slice(2);
  return part("s") ? { stack: part("s"), address: part("a") ?? "" } : null;
}

function owner(object) {
  const found = ownerOf(object);
  return found ? el("span", { title: `stack ${found.stack}` }, found.address || found.stack) : "";
}

function seconds(from, to) {
  if (!from || !to) return "";
  const spent = to - from;
  return spent < 1 ? "under 1 s" : spent < 120 ? `${spent} s` : `${Math.round(spent / 60)} min`;
}

const tokens = (usage) => (usage?.total_tokens ? `${usage.total_tokens.toLocaleString()} tokens` : "");
const counted = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;
const dotted = (...parts) => parts.filter(Boolean).join(" · ");

// ── The account ─────────────────────────────────────────────────────────────────────────────────────────────────────

let key = "";
let leaving = new AbortController(); // ends the requests of a view that is left

class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function request(path, { body, signal = leaving.signal } = {}) {
  const headers = { "OpenAI-Beta": "assistants=v2, agents=v1" };
  const used = key;
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const sent = { method: body === undefined ? "GET" : "POST", headers, signal, cache: "no-store" };
  const answer = await fetch(path, body === undefined ? sent : { ...sent, body: JSON.stringify(body) });
  if (answer.ok) return answer;
  const error = (await answer.json().catch(() => ({}))).error ?? {};
  if (answer.status === 401) {
    if (used === key) await askForKey(key ? "That is not the key of this account." : "");
    return request(path, { body, signal });
  }
  throw new Refused(error.message ?? `The account answered with ${answer.status}.`, error.code);
}

const get = async (path, query = {}) => {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== undefined));
  return (await request(String(asked) ? `${path}?${asked}` : path)).json();
};
const blobOf = async (fileId) => (await request(`/_internal/files/${encodeURIComponent(fileId)}/content`)).blob();

let asking = null;
function askForKey(complaint) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key");
    byId("key-error").textContent = complaint;
    byId("key-field").value = "";
    dialog.addEventListener("close", () => {
      key = byId("key-field").value.trim();
      byId("key-field").value = "";
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/** The events of a stream. `[DONE]` ends it and is none. */
async function* eventsOf(answer) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    waiting += decoder.decode(value ?? new Uint8Array(), { stream: !done });
    const whole = waiting.split("\n\n");
    waiting = whole.pop();
    for (const each of whole) {
      const lines = each.split("\n");
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      const named = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
      if (data && data !== "[DONE]") yield { name: named, data: JSON.parse(data) };
    }
    if (done) return;
  }
}

// ── What views are made of ──────────────────────────────────────────────────────────────────────────────────────────

function heading(title, ...meta) {
  document.title = `${title} – Retinue console`;
  const shown = el("h1", { tabindex: -1 }, title);
  return [shown, meta.length ? el("p", { class: "meta" }, meta) : null];
}

function idOf(id) {
  const button = el("button", { class: "copy", type: "button", "aria-label": `Copy ${id}`, onclick: async () => {
    await navigator.clipboard.writeText(id);
    button.textContent = "copied";
  } }, "copy");
  return [el("span", { class: "id" }, id), navigator.clipboard ? button : null];
}

const notice = (...parts) => el("div", { class: "notice" }, ...parts);
const paragraph = (...parts) => el("p", {}, ...parts);

function failure(error) {
  return el("div", { class: "notice bad", role: "alert" }, el("strong", {}, "This did not work. "), error.message);
}

/** Fill a place when what it needs is there. */
function later(place, make) {
  place.append(el("p", { class: "quiet", role: "status" }, "Reading…"));
  make().then((made) => place.replaceChildren(...[made].flat(Infinity).filter(Boolean)), (error) => {
    if (error.name !== "AbortError") place.replaceChildren(failure(error));
  });
  return place;
}

function fold(title, make, open = false) {
  const made = el("details", { open }, el("summary", {}, title));
  let filled = false;
  const fill = () => {
    if (!made.open || filled) return;
    filled = true;
    made.append(el("div", { class: "inside" }, make()));
  };
  made.addEventListener("toggle", fill);
  fill();
  return made;
}

const raw = (object) => fold("As JSON", () => pre(json(object), "capped"));

function fields(object, ...but) {
  const rows = Object.entries(object).filter(([name, value]) =>
    !["id", "object", "metadata", ...but].includes(name) && value !== null && value !== "" && !(Array.isArray(value) && !value.length));
  return el("dl", {}, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, shownField(name, value))]));
}

function shownField(name, value) {
  if (typeof value === "number" && name.endsWith("_at")) return when(value);
  if (typeof value === "string") return value.includes("\n") ? pre(value) : value;
  return typeof value === "object" ? pre(json(value)) : String(value);
}

/** The file and line that declare an object, where the process that serves knows the project. */
async function declaredIn(owner) {
  const { places } = await get("/_internal/declarations");
  return places[owner.stack]?.[owner.address] ?? "";
}

function ownership(object) {
  const found = ownerOf(object);
  const others = Object.entries(object.metadata ?? {}).filter(([name]) => name !== "retinue" && !name.startsWith("retinue."));
  const rows = found ? [["Owned by stack", found.stack], ["Declared as", found.address]] : [["Owner", "none: Retinue does not touch it"]];
  const shown = el("dl", {}, [...rows, ...others].map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
  if (found?.address) {
    declaredIn(found).then((place) => { if (place) shown.children[3].after(el("dt", {}, "Declared in"), el("dd", {}, el("code", {}, place))); }, () => {});
  }
  return shown;
}

/** A list with a filter, page by page. Filtering reads on until it has found enough. */
function listing({ path, query = {}, columns, empty, filter = true, most = 50 }) {
  const rows = el("tbody");
  const table = el("table", { hidden: true }, el("thead", {}, el("tr", {}, columns.map(([label]) => el("th", { scope: "col" }, label)))), rows);
  const told = el("p", { class: "quiet", role: "status" }, "Reading…");
  const more = el("button", { type: "button", hidden: true, onclick: () => read() }, "Show more");
  const field = el("input", { type: "search", "aria-label": "Filter the list", placeholder: "Filter  ( / )", "data-search": true, oninput: () => begin(150) });
  let state = {};
  let due = 0;

  function begin(delay = 0) {
    clearTimeout(due);
    due = setTimeout(() => {
      state = { after: undefined, hasMore: true, seen: 0, shown: 0, word: field.value.trim().toLowerCase() };
      rows.replaceChildren();
      read();
    }, delay);
  }

  async function read() {
    const now = state;
    more.hidden = true;
    const target = now.shown + most;
    try {
      while (now.hasMore && now.shown < target && now === state) {
        const page = await get(path, { ...query, limit: now.word ? 100 : most, after: now.after });
        if (now !== state) return;
        for (const object of page.data) {
          now.seen += 1;
          if (now.word && !json(object).toLowerCase().includes(now.word)) continue;
          now.shown += 1;
          rows.append(el("tr", {}, columns.map(([label, show]) => el("td", { "data-label": label }, show(object)))));
        }
        now.hasMore = page.has_more && page.data.length > 0;
        now.after = page.last_id;
        if (now.word) told.textContent = `${now.shown} of ${now.seen.toLocaleString()} so far…`;
      }
    } catch (error) {
      if (error.name !== "AbortError") told.replaceChildren(failure(error));
      return;
    }
    table.hidden = now.shown === 0;
    field.hidden = !now.seen && !now.word;
    more.hidden = !now.hasMore;
    if (!now.seen) told.replaceChildren(empty);
    else if (!now.shown) told.textContent = `None of ${now.seen.toLocaleString()} has “${now.word}” in it.`;
    else told.textContent = now.word ? `${now.shown} found in ${now.seen.toLocaleString()}` : now.hasMore ? `The latest ${now.shown}` : "";
  }

  begin();
  return [filter ? el("div", { class: "bar" }, field) : null, table, told, more];
}

// ── What was said ───────────────────────────────────────────────────────────────────────────────────────────────────

/** A text with its marks: places that cite a file, or a file that code wrote. Blocks of code are set apart. */
function richText(text, annotations = []) {
  const characters = Array.from(text); // the account counts characters, not the halves of them
  const marks = annotations.map(readAnnotation).filter(Boolean).sort((a, b) => a.start - b.start);
  const sources = [];
  const body = el("div", { class: "text" });
  let at = 0;
  for (const mark of marks) {
    if (mark.start < at) continue;
    body.append(...blocks(characters.slice(at, mark.start).join("")));
    let number = sources.findIndex((each) => each.fileId === mark.fileId) + 1;
    if (!number) number = sources.push(mark);
    body.append(mark.isPath
      ? download(mark.fileId, mark.label)
      : link(["files", mark.fileId], String(number), { class: "cite", title: mark.label, "aria-label": `Source ${number}: ${mark.label}` }));
    at = Math.max(at, mark.end);
  }
  body.append(...blocks(characters.slice(at).join("")));
  const cited = sources.map((each, index) => [each, index + 1]).filter(([each]) => !each.isPath);
  const list = cited.map(([each, number]) => el("li", {}, `${number}  `, link(["files", each.fileId], each.label)));
  return list.length ? [body, el("ol", { class: "sources", "aria-label": "Sources" }, list)] : [body];
}

function readAnnotation(note) {
  const { type } = note;
  if (type === "file_citation" && note.file_citation) { // of a message
    const label = /†([^】]*)】/.exec(note.text)?.[1] || note.file_citation.file_id;
    return { start: note.start_index, end: note.end_index, fileId: note.file_citation.file_id, label };
  }
  if (type === "file_path" && note.file_path) {
    const label = String(note.text).split("/").pop();
    return { start: note.start_index, end: note.end_index, fileId: note.file_path.file_id, label, isPath: true };
  }
  if (type === "file_citation") return { start: note.index, end: note.index, fileId: note.file_id, label: note.filename };
  if (type === "container_file_citation") {
    return { start: note.start_index, end: note.end_index, fileId: note.file_id, label: note.filename, isPath: true };
  }
  return null;
}

function blocks(text) {
  const made = [];
  let at = 0;
  for (const found of text.matchAll(/```[^\n`]*\n([\s\S]*?)(?:\n```|$)/g)) {
    made.push(text.slice(at, found.index), pre(found[1]));
    at = found.index + found[0].length;
  }
  return [...made, text.slice(at)].filter((each) => each !== "");
}

function download(fileId, label) {
  return el("button", { type: "button", onclick: async (event) => {
    try {
      const address = URL.createObjectURL(await blobOf(fileId));
      const anchor = el("a", { href: address, download: label });
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      event.target.replaceWith(failure(error));
    }
  } }, `Download ${label}`);
}

const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*$/;

function picture(source, label) {
  const figure = el("figure");
  const show = (address) => figure.replaceChildren(el("img", { src: address, alt: label }), el("figcaption", {}, label));
  if (source.fileId) later(figure, async () => { show(URL.createObjectURL(await blobOf(source.fileId))); return [...figure.childNodes]; });
  else if (PICTURE.test(source.url)) show(source.url);
  else figure.append(el("figcaption", {}, "A picture that is elsewhere, and not loaded from there: ", el("code", {}, source.url)));
  return figure;
}

/** One part of a message, of either API. */
function part(each) {
  if (each.type === "text") return richText(each.text.value, each.text.annotations);
  if (["output_text", "input_text", "summary_text", "reasoning_text"].includes(each.type)) return richText(each.text, each.annotations);
  if (each.type === "refusal") return el("p", { class: "failed" }, each.refusal);
  if (each.type === "image_file") return picture({ fileId: each.image_file.file_id }, each.image_file.file_id);
  if (each.type === "image_url") return picture({ url: each.image_url.url }, "picture");
  if (each.type === "input_image") return picture(each.file_id ? { fileId: each.file_id } : { url: each.image_url ?? "" }, "picture");
  return pre(json(each));
}

const parts = (content) => (typeof content === "string" ? richText(content) : (content ?? []).map(part));

function bubble(role, content, meta = "") {
  return el("article", { class: `message ${role === "user" ? "user" : ""}` },
    el("div", { class: "who" }, el("strong", {}, role), meta), content);
}

/** A call of a tool, of either API, brought into one form. */
function readCall(call) {
  const type = call.type;
  if (type === "function") return { title: call.function.name, input: call.function.arguments, output: call.function.output };
  if (type === "code_interpreter") {
    const outputs = (call.code_interpreter.outputs ?? []).map((each) => each.type === "logs" ? { logs: each.logs } : { fileId: each.image?.file_id });
    return { title: "code_interpreter", input: call.code_interpreter.input, outputs };
  }
  if (type === "file_search") {
    const results = (call.file_search?.results ?? []).map((each) => ({ ...each, filename: each.file_name, text: each.content?.[0]?.text }));
    return { title: "file_search", results };
  }
  if (type === "function_call") return { title: call.name, input: call.arguments, state: call.status };
  if (type === "function_call_output") return { title: `output of ${call.call_id}`, output: typeof call.output === "string" ? call.output : json(call.output) };
  if (type === "code_interpreter_call") {
    const outputs = (call.outputs ?? []).map((each) => each.type === "logs" ? { logs: each.logs } : { url: each.url });
    return { title: "code_interpreter", input: call.code, outputs, state: call.status };
  }
  if (type === "file_search_call") return { title: "file_search", queries: call.queries, results: call.results ?? [], state: call.status };
  return null;
}

function pretty(text) {
  try {
    return json(JSON.parse(text));
  } catch {
    return text;
  }
}

function toolCall(call, open = !call.type?.startsWith("file_search")) { // what was found is long; the answer is below it
  const read = readCall(call);
  if (!read) return fold(call.type ?? "item", () => pre(json(call)), false);
  const isCode = read.title === "code_interpreter";
  const summary = [el("strong", {}, read.title), " ", read.state ? status(read.state) : "", read.results?.length ? el("span", { class: "quiet" }, counted(read.results.length, "passage")) : ""];
  return fold(summary, () => [
    read.queries?.length ? paragraph("Searched for: ", read.queries.map((each) => `“${each}”`).join(", ")) : null,
    read.input ? pre(isCode ? read.input : pretty(read.input)) : null,
    (read.outputs ?? []).map((each) => each.logs !== undefined ? [el("p", { class: "quiet" }, "Printed:"), pre(each.logs, "capped")]
      : picture(each.url !== undefined ? { url: each.url } : { fileId: each.fileId }, "made by the code")),
    typeof read.output === "string" ? [el("p", { class: "quiet" }, "Output:"), pre(pretty(read.output), "capped")] : null,
    (read.results ?? []).map(hit),
  ], open);
}

function hit(found) {
  const score = Number(found.score ?? 0);
  const text = found.text ?? (found.content ?? []).map((each) => each.text).join("\n");
  return el("div", { class: "hit" },
    el("div", { class: "head" }, el("meter", { min: 0, max: 1, value: score, "aria-label": "score" }, score.toFixed(3)),
      el("span", { class: "score" }, score.toFixed(3)), link(["files", found.file_id], found.filename || found.file_id)),
    text ? el("div", { class: "text", tabindex: 0 }, text) : null);
}

/** An item of a response or a conversation. */
function item(each) {
  if (each.type === "message") return bubble(each.role, parts(each.content));
  if (each.type === "reasoning") return fold("reasoning", () => [parts(each.summary), parts(each.content)], false);
  return toolCall(each);
}

// ── Kinds ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const named = (slug) => (object) => [link([slug, object.id], object.name || object.title || object.filename || "(no name)"), el("span", { class: "id" }, object.id)];
const column = {
  owner: ["Owner", owner],
  model: ["Model", (object) => object.model ?? ""],
  made: ["Created", (object) => when(object.created_at)],
  status: ["Status", (object) => status(object.status)],
  tools: ["Tools", (object) => [...new Set((object.tools ?? []).map((each) => each.function?.name ?? each.name ?? each.type))].join(", ")],
};
const command = (text) => el("code", {}, text);
const declare = (what, example) => notice(paragraph(`There are no ${what} yet. Declare one in YAML and run `, command("retinue apply"), "; it shows here at once."), example ? pre(example) : null);
const program = (what) => notice(paragraph(`There are no ${what} yet. They come from programs, or from the `, link(["playground"], "playground"), "."));

const KINDS = {
  assistants: {
    title: "Assistants", path: "/v1/assistants", counted: "assistant", show: showAssistant,
    columns: [column.model, column.tools, column.owner, column.made],
    empty: () => declare("assistants", "assistants:\n  math-tutor:\n    name: Math Tutor\n    model: gpt-4o\n    instructions: Explain one step at a time.\n"),
  },
  agents: {
    title: "Agents", path: "/v1/agents", counted: "agent", show: showPlain,
    columns: [column.model, column.tools, column.owner, column.made], empty: () => declare("agents"),
  },
  vector_stores: {
    title: "Vector stores", path: "/v1/vector_stores", counted: "vector_store", show: showStore,
    columns: [column.status, ["Files", (object) => filesOf(object)], ["Size", (object) => size(object.usage_bytes)], column.owner, column.made],
    empty: () => declare("vector stores", "vector_stores:\n  handbook:\n    name: Handbook\n    files: [handbook/**/*.md]\n"),
  },
  files: {
    title: "Files", path: "/v1/files", counted: "file", show: showFile,
    columns: [["Size", (object) => size(object.bytes)], ["Purpose", (object) => object.purpose], column.made],
    empty: () => declare("files"),
  },
  threads: {
    title: "Threads", path: "/_internal/threads", one: "/v1/threads", counted: "thread", show: showThread,
    columns: [["Last run", (object) => status(object.status)], column.made], empty: () => program("threads"),
  },
  responses: {
    title: "Responses", path: "/_internal/responses", one: "/v1/responses", counted: "response", show: showResponse,
    columns: [column.status, column.model, column.made], empty: () => program("responses"),
  },
  conversations: {
    title: "Conversations", path: "/_internal/conversations", one: "/v1/conversations", counted: "conversation", show: showConversation,
    columns: [column.made], empty: () => program("conversations"),
  },
  skills: { title: "Skills", path: "/v1/skills", show: showPlain, columns: [column.owner, column.made], empty: () => declare("skills") },
  vaults: { title: "Vaults", path: "/v1/vaults", show: showPlain, columns: [column.owner, column.made], empty: () => declare("vaults") },
  automations: { title: "Automations", path: "/v1/agents/automations", show: showPlain, columns: [column.status, column.owner, column.made], empty: () => declare("automations") },
  templates: { title: "Environments", path: "/v1/agents/environments/templates", show: showPlain, columns: [column.owner, column.made], empty: () => declare("environment templates") },
};

function filesOf(store) {
  const counts = store.file_counts ?? {};
  const rest = ["in_progress", "failed", "cancelled"].filter((each) => counts[each]).map((each) => `${counts[each]} ${each.replace("_", " ")}`);
  return dotted(`${counts.completed ?? 0} ready`, ...rest);
}

function showList(slug) {
  const kind = KINDS[slug];
  return [heading(kind.title), listing({ path: kind.path, columns: [["Name", named(slug)], ...kind.columns], empty: kind.empty() })];
}

function showObject(slug, id) {
  const kind = KINDS[slug];
  return later(el("div"), async () => {
    const query = slug === "responses" ? { "include[]": "file_search_call.results" } : {};
    try {
      return kind.show(await get(`${kind.one ?? kind.path}/${encodeURIComponent(id)}`, query));
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return [heading("It cannot be shown"), failure(error), paragraph(link([slug], `All ${kind.title.toLowerCase()}`))];
    }
  });
}

const aboutObject = (object) => heading(object.name || object.filename || object.title || object.id, idOf(object.id), " ", when(object.created_at));

function showPlain(object) {
  return [aboutObject(object), ownership(object), object.instructions ? [el("h2", {}, "Instructions"), pre(object.instructions)] : null,
    el("h2", {}, "Fields"), fields(object, "instructions", "name", "created_at"), raw(object)];
}

function showAssistant(object) {
  const stores = object.tool_resources?.file_search?.vector_store_ids ?? [];
  const files = object.tool_resources?.code_interpreter?.file_ids ?? [];
  return [
    aboutObject(object),
    el("div", { class: "bar" }, link(["playground", "assistant", object.id], "Try it in the playground", { class: "button main" })),
    object.description ? paragraph(object.description) : null,
    ownership(object),
    el("h2", {}, "Instructions"), object.instructions ? pre(object.instructions) : el("p", { class: "quiet" }, "none"),
    el("h2", {}, "Tools"),
    object.tools.length ? object.tools.map((tool) => fold([el("strong", {}, tool.function?.name ?? tool.type), el("span", { class: "quiet" }, tool.function?.description ?? "")],
      () => [
        tool.function ? pre(json(tool.function.parameters ?? {})) : null,
        tool.file_search ? pre(json(tool.file_search)) : null,
        tool.type === "file_search" ? stores.map((id) => paragraph("Searches in ", link(["vector_stores", id], id))) : null,
        tool.type === "code_interpreter" ? (files.length ? files.map((id) => paragraph("Has the file ", link(["files", id], id))) : el("p", { class: "quiet" }, "Has no files.")) : null,
      ], tool.type !== "function")) : el("p", { class: "quiet" }, "none"),
    el("h2", {}, "Settings"), fields(object, "name", "instructions", "description", "tools", "tool_resources", "created_at"), raw(object),
  ];
}

function showStore(object) {
  const path = `/v1/vector_stores/${encodeURIComponent(object.id)}`;
  const found = el("div", { "aria-live": "polite" });
  const field = el("input", { type: "search", "aria-label": "Search in the store", placeholder: "Ask the store something  ( / )", "data-search": true });
  const search = el("form", { class: "bar", role: "search", onsubmit: (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    found.replaceChildren();
    later(found, async () => {
      const answer = await (await request(`${path}/search`, { body: { query: field.value.trim(), max_num_results: 20 } })).json();
      return answer.data.length ? [el("p", { class: "quiet" }, `${counted(answer.data.length, "passage")}, best first`), answer.data.map(hit)]
        : el("p", { class: "quiet" }, "Nothing in the store matches. Fewer and more usual words find more.");
    });
  } }, field, el("button", { class: "main" }, "Search"));
  const place = el("div");
  const states = el("select", { "aria-label": "State of the files", onchange: () => fill() },
    [["", "all states"], ...["completed", "in_progress", "failed", "cancelled"].map((each) => [each, each.replace("_", " ")])].map(([value, label]) => el("option", { value }, label)));
  const fill = () => place.replaceChildren(...listing({
    path: `${path}/files`, query: { filter: states.value }, filter: false,
    columns: [["File", (file) => attachedName(file)], column.status, ["Size", (file) => size(file.usage_bytes)],
      ["Attributes", (file) => Object.entries(file.attributes ?? {}).filter(([name]) => !name.startsWith("retinue.")).map(([name, value]) => `${name}: ${value}`).join(", ")],
      ["Problem", (file) => file.last_error?.message ?? ""]],
    empty: notice(paragraph(states.value ? "No file is in this state." : "No files are attached. Name some in the store's declaration and run ", states.value ? "" : command("retinue apply"))),
  }).flat().filter(Boolean));
  fill();
  return [aboutObject(object), paragraph(status(object.status), " ", dotted(filesOf(object), size(object.usage_bytes))), ownership(object),
    el("h2", {}, "Search"), search, found, el("div", { class: "bar" }, el("h2", {}, "Files"), states), place,
    el("h2", {}, "Settings"), fields(object, "name", "created_at", "status", "file_counts", "usage_bytes"), raw(object)];
}

function attachedName(file) {
  const shown = link(["files", file.id], file.attributes?.["retinue.path"] ?? file.id);
  if (!file.attributes?.["retinue.path"]) get(`/v1/files/${encodeURIComponent(file.id)}`).then((found) => { shown.textContent = found.filename; }, () => {});
  return [shown, el("span", { class: "id" }, file.id)];
}

const MOST_SHOWN = 1_000_000;

function showFile(object) {
  const place = el("div");
  const show = () => later((place.replaceChildren(), place), async () => {
    const content = await blobOf(object.id);
    if (/\.(png|jpe?g|gif|webp)$/i.test(object.filename)) return picture({ fileId: object.id }, object.filename);
    const text = await content.slice(0, MOST_SHOWN).text();
    if (text.includes("\0")) return notice(paragraph("It is no text. Download it to look inside."));
    return [pre(text, "capped"), content.size > MOST_SHOWN ? el("p", { class: "quiet" }, `The first ${size(MOST_SHOWN)} of ${size(content.size)}.`) : null];
  });
  return [aboutObject(object), fields(object, "filename", "created_at"),
    el("div", { class: "bar" }, el("button", { type: "button", onclick: show }, "Show the content"), download(object.id, object.filename)), place, raw(object)];
}

const PASSAGES = "step_details.tool_calls[*].file_search.results[*].content";

// ── Threads, responses, conversations ───────────────────────────────────────────────────────────────────────────────

async function readAll(path, query, most = 500) {
  const data = [];
  let page = { has_more: true };
  while (page.has_more && data.length < most) {
    page = await get(path, { ...query, limit: 100, after: page.last_id ?? undefined });
    data.push(...page.data);
  }
  return { data, hasMore: page.has_more };
}

function showThread(object) {
  const path = `/v1/threads/${encodeURIComponent(object.id)}`;
  const messages = later(el("div"), async () => {
    const { data, hasMore } = await readAll(`${path}/messages`, { order: "asc" });
    if (!data.length) return notice(paragraph("Nobody has said anything yet."));
    return [data.map(messageView), hasMore ? el("p", { class: "quiet" }, "The first 500 messages.") : null];
  });
  const runs = later(el("div"), async () => {
    const { data } = await readAll(`${path}/runs`, { order: "asc" });
    return data.length ? data.map(runView) : el("p", { class: "quiet" }, "No assistant was set to work on it.");
  });
  return [heading("Thread", idOf(object.id), " ", when(object.created_at)), Object.keys(object.metadata ?? {}).length ? ownership(object) : null,
    el("h2", {}, "Messages"), messages, el("h2", {}, "Runs"), runs, raw(object)];
}

function messageView(message) {
  const files = (message.attachments ?? []).map((each) => link(["files", each.file_id], each.file_id));
  return bubble(message.role, [parts(message.content), files.length ? el("p", { class: "quiet" }, "Attached: ", files.flatMap((each) => [each, " "])) : null],
    [when(message.created_at), message.status && message.status !== "completed" ? status(message.status) : ""]);
}

function runView(run) {
  const end = run.completed_at ?? run.failed_at ?? run.cancelled_at;
  const meta = dotted(run.model, seconds(run.started_at, end), tokens(run.usage));
  return fold([status(run.status), el("span", { class: "quiet" }, meta), " ", el("span", { class: "id" }, run.id)], () => [
    run.last_error ? el("p", { class: "failed" }, `${run.last_error.code}: ${run.last_error.message}`) : null,
    el("dl", {}, [["Assistant", link(["assistants", run.assistant_id], run.assistant_id)], ["Created", when(run.created_at)],
      ["Waited", seconds(run.created_at, run.started_at)], ["Worked", seconds(run.started_at, end)],
      ["Tokens", run.usage ? `${run.usage.prompt_tokens} in, ${run.usage.completion_tokens} out` : ""]]
      .filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    later(el("div"), async () => {
            const { data } = await readAll(`/v1/threads/${encodeURIComponent(run.thread_id)}/runs/${encodeURIComponent(run.id)}/steps`, { order: "asc", "include[]": PASSAGES });
      return data.length ? data.map(stepView) : el("p", { class: "quiet" }, "No steps.");
    }),
    fold("Instructions of the run", () => pre(run.instructions || "none")), raw(run),
  ]);
}

function stepView(step, index) {
  const end = step.completed_at ?? step.failed_at ?? step.cancelled_at ?? step.expired_at;
  const calls = step.step_details.tool_calls;
  const title = calls ? `Step ${index + 1}: tools` : `Step ${index + 1}: message`;
  return el("section", {}, el("div", { class: "bar" }, el("h3", {}, title), status(step.status), el("span", { class: "quiet" }, dotted(seconds(step.created_at, end), tokens(step.usage)))),
    step.last_error ? el("p", { class: "failed" }, step.last_error.message) : null,
    calls ? calls.map((each) => toolCall(each, false)) : el("p", { class: "id" }, step.step_details.message_creation?.message_id ?? ""));
}

function showResponse(object) {
  const input = later(el("div"), async () => (await readAll(`/v1/responses/${encodeURIComponent(object.id)}/input_items`, { order: "asc" })).data.map(item));
  return [heading("Response", idOf(object.id), " ", when(object.created_at)),
    paragraph(status(object.status), " ", dotted(object.model, seconds(object.created_at, object.completed_at), tokens(object.usage))),
    object.error ? el("p", { class: "failed" }, `${object.error.code}: ${object.error.message}`) : null,
    object.previous_response_id ? paragraph("After ", link(["responses", object.previous_response_id], object.previous_response_id)) : null,
    object.conversation?.id ? paragraph("In ", link(["conversations", object.conversation.id], object.conversation.id)) : null,
    el("h2", {}, "Input"), input, el("h2", {}, "Output"), object.output.map(item),
    typeof object.instructions === "string" && object.instructions ? [el("h2", {}, "Instructions"), pre(object.instructions)] : null, raw(object)];
}

function showConversation(object) {
  const path = `/v1/conversations/${encodeURIComponent(object.id)}/items`;
  return [heading("Conversation", idOf(object.id), " ", when(object.created_at)),
    later(el("div"), async () => {
      const { data } = await readAll(path, { order: "asc" });
      return data.length ? data.map(item) : notice(paragraph("Nobody has said anything yet."));
    }), raw(object)];
}

// ── Overview ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function showOverview() {
  const account = await readCounts();
  const shown = Object.entries(KINDS).filter(([, kind]) => kind.counted);
  const isEmpty = shown.every(([, kind]) => !account.counts[kind.counted]);
  return [
    heading("What the account holds"),
    isEmpty ? notice(paragraph("Nothing yet. In a project, run ", command("retinue apply"), "; without one, begin with:"), pre("retinue init my-assistants\ncd my-assistants\nretinue apply")) : null,
    el("div", { class: "cards" }, shown.map(([slug, kind]) => link([slug], [el("b", {}, (account.counts[kind.counted] ?? 0).toLocaleString()), el("span", {}, kind.title)]))),
    account.rehearsal ? notice(paragraph("The rehearsal model answers here: it shows that tools, citations and streams work, and understands nothing.")) : null,
    el("h2", {}, "Use it from a program"), pre(`export OPENAI_BASE_URL=${location.origin}/v1 OPENAI_API_KEY=${key ? "…" : "local"}`),
    account.counts.thread ? [el("h2", {}, "Latest threads"), listing({ path: KINDS.threads.path, filter: false, most: 10, columns: [["Name", named("threads")], ...KINDS.threads.columns], empty: "" })] : null,
  ];
}

async function readCounts() {
  const account = await get("/_internal/account");
  for (const [slug, kind] of Object.entries(KINDS)) {
    const place = byId(`count-${slug}`);
    if (place && kind.counted) place.textContent = (account.counts[kind.counted] ?? 0).toLocaleString();
  }
  return account;
}

// ── Playground ──────────────────────────────────────────────────────────────────────────────────────────────────────

function showPlayground(mode, id) {
  const talk = { threadId: null, responseId: null, stop: null };
  const log = el("div", { role: "log", "aria-live": "polite", "aria-label": "The conversation" });
  const where = el("p", { class: "meta" });
  const ask = { assistant: assistantSetting(id), model: modelSetting() };
  let chosen = mode === "model" ? "model" : "assistant";
  const settings = el("div", {}, ask[chosen].view);

  const choice = el("fieldset", { class: "choice" }, el("legend", {}, "What answers"),
    [["assistant", "An assistant, in a thread"], ["model", "A model, with Responses"]].map(([value, label]) =>
      el("label", {}, el("input", { type: "radio", name: "mode", value, checked: value === chosen, onchange: () => { chosen = value; settings.replaceChildren(ask[value].view); anew(); } }), label)));

  const field = el("textarea", { "aria-label": "Message", placeholder: "Say something", "data-search": true, onkeydown: (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  } });
  const send = el("button", { class: "main" }, "Send");
  const stop = el("button", { type: "button", disabled: true, onclick: () => talk.stop?.() }, "Stop");
  const fresh = el("button", { type: "button", onclick: () => anew() }, "New conversation");
  const form = el("form", { class: "composer", onsubmit: (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || send.disabled) return;
    field.value = "";
    log.append(bubble("user", richText(text)));
    goDown();
    follow(() => (chosen === "assistant" ? askAssistant(text) : askModel(text)));
  } }, field, el("div", { class: "bar" }, send, stop, fresh, el("span", { class: "quiet" }, el("kbd", {}, "Enter"), " sends, ", el("kbd", {}, "Shift+Enter"), " begins a line")));

  function anew() {
    talk.stop?.();
    Object.assign(talk, { threadId: null, responseId: null });
    log.replaceChildren();
    where.replaceChildren();
  }

  async function follow(work) {
    send.disabled = true;
    stop.disabled = false;
    const state = el("p", { class: "quiet", role: "status" }, "waiting…");
    log.append(state);
    const connection = new AbortController();
    leaving.signal.addEventListener("abort", () => connection.abort());
    talk.stop = () => connection.abort();
    talk.tell = (word) => state.replaceChildren(status(word));
    talk.add = (...nodes) => keepLow(() => state.before(...nodes.flat(Infinity).filter(Boolean)));
    talk.signal = connection.signal;
    try {
      await work();
    } catch (error) {
      if (error.name === "AbortError") state.replaceChildren(status("stopped"));
      else state.replaceChildren(failure(error));
    } finally {
      log.querySelectorAll(".typing").forEach((each) => each.classList.remove("typing"));
      send.disabled = false;
      stop.disabled = true;
      talk.stop = null;
      readCounts().catch(() => {});
    }
  }

  /** Who reads at the end of the conversation stays there when it grows. */
  function keepLow(change) {
    const isLow = innerHeight + scrollY > document.documentElement.scrollHeight - 160;
    change();
    if (isLow) goDown();
  }

  const goDown = () => scrollTo(0, document.documentElement.scrollHeight);
  const open = async (path, body) => eventsOf(await request(path.startsWith("/v1/threads") ? `${path}?include[]=${encodeURIComponent(PASSAGES)}` : path, { body: { ...body, stream: true }, signal: talk.signal }));

  // An assistant: a thread, and one run for each message.

  async function askAssistant(text) {
    const assistant = ask.assistant.value();
    if (!assistant) throw new Error("There is no assistant to ask. Declare one and run `retinue apply`.");
    const message = { role: "user", content: text };
    const body = { assistant_id: assistant };
    const path = talk.threadId ? `/v1/threads/${talk.threadId}/runs` : "/v1/threads/runs";
    await followRun(await open(path, talk.threadId ? { ...body, additional_messages: [message] } : { ...body, thread: { messages: [message] } }));
  }

  async function followRun(events) {
    const bubbles = new Map();
    const steps = new Map();
    for await (const { name, data } of events) {
      if (name === "error") throw new Error(data.message ?? data.error?.message ?? "the stream broke off");
      if (name === "thread.created") talk.threadId = data.id;
      else if (name.startsWith("thread.run.step.")) followStep(name, data, steps);
      else if (name.startsWith("thread.message.")) followMessage(name, data, bubbles);
      else if (name.startsWith("thread.run.")) {
        talk.threadId = data.thread_id;
        talk.tell(data.status);
        talk.stop = () => request(`/v1/threads/${data.thread_id}/runs/${data.id}/cancel`, { body: {} }).catch(() => {});
        where.replaceChildren("Kept in ", link(["threads", data.thread_id], data.thread_id));
        if (data.last_error) talk.add(el("p", { class: "failed", role: "alert" }, data.last_error.message));
        if (data.status === "incomplete") talk.add(el("p", { class: "failed" }, `incomplete: ${data.incomplete_details?.reason ?? ""}`));
        if (data.status === "requires_action") talk.add(functionForm(data));
      }
    }
  }

  function followMessage(name, data, bubbles) {
    if (name === "thread.message.created") {
      const content = el("div", { class: "typing" });
      bubbles.set(data.id, content);
      talk.add(bubble("assistant", content));
    }
    const content = bubbles.get(data.id);
    if (!content) return;
    if (name === "thread.message.delta") {
      for (const each of data.delta.content ?? []) {
        if (each.type === "text") grow(content, each.index, each.text?.value ?? "");
        if (each.type === "image_file") content.append(part(each));
      }
    }
    if (name === "thread.message.completed" || name === "thread.message.incomplete") {
      content.classList.remove("typing");
      keepLow(() => content.replaceChildren(...parts(data.content).flat(Infinity)));
    }
  }

  function grow(content, index, text) {
    let place = content.querySelector(`[data-index="${Number(index)}"]`);
    if (!place) content.append(place = el("div", { class: "text", "data-index": index }));
    keepLow(() => place.append(text));
  }

  function followStep(name, data, steps) {
    if (name === "thread.run.step.delta") {
      const known = steps.get(data.id);
      if (!known) return;
      for (const each of data.delta.step_details?.tool_calls ?? []) mergeCall(known.calls, each);
      keepLow(() => known.place.replaceChildren(...known.calls.map((each) => toolCall(each))));
    } else if (data.type === "tool_calls") {
      if (!steps.has(data.id)) {
        steps.set(data.id, { place: el("div"), calls: [] });
        talk.add(steps.get(data.id).place);
      }
      const known = steps.get(data.id);
      if (data.step_details.tool_calls.length) known.calls = data.step_details.tool_calls;
      keepLow(() => known.place.replaceChildren(...known.calls.map((each) => toolCall(each))));
    }
  }

  function functionForm(run) {
    const calls = run.required_action.submit_tool_outputs.tool_calls;
    const fields = calls.map((call) => el("textarea", { "aria-label": `Output of ${call.function.name}`, placeholder: "What the function gives, such as {\"ok\": true}" }));
    const made = el("form", { class: "notice", onsubmit: (event) => {
      event.preventDefault();
      made.querySelectorAll("textarea, button").forEach((each) => { each.disabled = true; });
      const outputs = calls.map((call, index) => ({ tool_call_id: call.id, output: fields[index].value }));
      follow(async () => followRun(await open(`/v1/threads/${run.thread_id}/runs/${run.id}/submit_tool_outputs`, { tool_outputs: outputs })));
    } }, el("strong", {}, calls.length === 1 ? "The assistant calls a function: you are the program." : "The assistant calls functions: you are the program."),
      calls.map((call, index) => [el("label", {}, call.function.name), fields[index]]),
      el("div", { class: "bar" }, el("button", { class: "main" }, "Hand it back")));
    return made;
  }

  // A model: a chain of responses.

  async function askModel(text) {
    const events = await open("/v1/responses", {
      ...ask.model.value(), input: text, previous_response_id: talk.responseId ?? undefined,
      include: ["file_search_call.results", "code_interpreter_call.outputs"],
    });
    const items = new Map();
    for await (const { data } of events) {
      const place = items.get(data.output_index);
      if (data.type === "error") throw new Error(data.message);
      if (data.type === "response.output_item.added") {
        const made = el("div", { class: data.item.type === "message" ? "typing" : null });
        items.set(data.output_index, { made, item: data.item });
        talk.add(data.item.type === "message" ? bubble("assistant", made) : made);
      } else if (data.type === "response.output_text.delta") grow(place.made, data.content_index, data.delta);
      else if (data.type === "response.code_interpreter_call_code.delta") {
        place.item.code = (place.item.code ?? "") + data.delta;
        place.made.replaceChildren(toolCall(place.item));
      } else if (data.type === "response.output_item.done") {
        place.made.classList.remove("typing");
        const made = data.item.type === "message" ? parts(data.item.content).flat(Infinity) : [item(data.item)];
        keepLow(() => place.made.replaceChildren(...made));
      } else if (data.response) {
        talk.tell(data.response.status);
        if (data.response.error) talk.add(el("p", { class: "failed", role: "alert" }, data.response.error.message));
        if (data.response.status === "completed") talk.responseId = data.response.id;
        where.replaceChildren("Kept as ", link(["responses", data.response.id], data.response.id));
      }
    }
  }

  return [heading("Playground"), choice, settings, where, log, form];
}

function mergeCall(calls, delta) {
  const known = calls[delta.index] ??= { type: delta.type, id: delta.id, [delta.type]: {} };
  const into = known[delta.type] ??= {};
  for (const [name, value] of Object.entries(delta[delta.type] ?? {})) {
    if (["input", "arguments"].includes(name)) into[name] = (into[name] ?? "") + value;
    else if (name === "outputs") into.outputs = [...(into.outputs ?? []), ...value];
    else into[name] = value;
  }
}

function assistantSetting(id) {
  const select = el("select", { id: "assistant" });
  const hint = el("div");
  get("/v1/assistants", { limit: 100 }).then(async ({ data }) => {
    if (id && !data.some((each) => each.id === id)) data.unshift(await get(`/v1/assistants/${encodeURIComponent(id)}`));
    select.append(...data.map((each) => el("option", { value: each.id, selected: each.id === id }, dotted(each.name || each.id, each.model))));
    if (!data.length) hint.append(KINDS.assistants.empty());
  }).catch((error) => { if (error.name !== "AbortError") hint.append(failure(error)); });
  return { view: el("div", {}, el("label", { for: "assistant" }, "Assistant"), select, hint), value: () => select.value };
}

function modelSetting() {
  const model = el("select", { id: "model" });
  const store = el("select", { id: "store" }, el("option", { value: "" }, "none"));
  const instructions = el("textarea", { id: "instructions", rows: 2 });
  const code = el("input", { type: "checkbox" });
  const fill = (path, select, label) => get(path, { limit: path === "/v1/models" ? undefined : 100 }).then(({ data }) =>
    select.append(...data.map((each) => el("option", { value: each.id, selected: each.id === "gpt-4o" }, label(each))))).catch(() => {});
  fill("/v1/models", model, (each) => each.id);
  fill("/v1/vector_stores", store, (each) => each.name || each.id);
  const view = el("div", {}, el("div", { class: "pair" },
    el("div", {}, el("label", { for: "model" }, "Model"), model), el("div", {}, el("label", { for: "store" }, "Searches in"), store)),
    el("label", { for: "instructions" }, "Instructions"), instructions, el("label", { class: "tick" }, code, "code_interpreter"));
  return { view, value: () => ({
    model: model.value, instructions: instructions.value || undefined,
    tools: [...(store.value ? [{ type: "file_search", vector_store_ids: [store.value] }] : []), ...(code.checked ? [{ type: "code_interpreter", container: { type: "auto" } }] : [])],
  }) };
}

// ── Getting about ───────────────────────────────────────────────────────────────────────────────────────────────────

const view = () => location.hash.replace(/^#(main$)?\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);

function navigation() {
  const entries = [["", "Overview"], ["playground", "Playground"], ...Object.entries(KINDS).map(([slug, kind]) => [slug, kind.title])];
  byId("nav").append(...entries.map(([slug, title]) => link(slug ? [slug] : [], [title, el("span", { class: "count", id: `count-${slug}` })], { "data-slug": slug })));
}

let isFirst = true;
function route() {
  leaving.abort();
  leaving = new AbortController();
  const main = byId("main");
  const [slug = "", first, second] = view();
  document.querySelectorAll("nav a").forEach((each) => {
    if (each.dataset.slug === slug) {
      each.setAttribute("aria-current", "page");
      each.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone, the list is wider than the screen
    } else each.removeAttribute("aria-current");
  });
  let made;
  if (slug === "") made = later(el("div"), showOverview);
  else if (slug === "playground") made = showPlayground(first, second);
  else if (Object.hasOwn(KINDS, slug)) made = first ? showObject(slug, first) : showList(slug);
  else made = [heading("There is no such page"), paragraph(link([], "To the overview"))];
  main.replaceChildren(...[made].flat(Infinity).filter(Boolean));
  if (slug !== "") readCounts().catch(() => {});
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true }); // who listens to the page hears that it is another one
  }
  isFirst = false;
}

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.querySelector("[data-search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  } else if (event.key === "Escape" && isTyping) event.target.blur();
});
addEventListener("hashchange", () => { if (location.hash !== "#main") route(); });
navigation();
route();
