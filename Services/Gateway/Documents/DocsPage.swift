import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The reader at `/docs`: one page that draws `/openapi.json` and `/asyncapi.json`. Nothing is loaded from elsewhere,
/// and its content security policy lets no other script run.
enum DocsPage {
    static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Deskwire API</title>
        <style>\(style)</style>
        </head>
        <body>
        <nav>
        <h1>Deskwire API</h1>
        <input id="filter" type="search" placeholder="Filter routes and events" aria-label="Filter" autocomplete="off">
        <div id="index"></div>
        </nav>
        <main>
        <p id="intro">Loading…</p>
        <div id="content"></div>
        <noscript>This page needs JavaScript; the documents are at <a href="/openapi.json">/openapi.json</a> and
        <a href="/asyncapi.json">/asyncapi.json</a>.</noscript>
        </main>
        <script>\(script)</script>
        </body>
        </html>

        """

    static let contentSecurityPolicy: String = {
        func source(_ text: String) -> String {
            "'sha256-\(Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString())'"
        }
        return [
            "default-src 'none'", "style-src \(source(style))", "script-src \(source(script))", "connect-src 'self'",
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }()

    private static let style = """
        :root { --line: #d9dde3; --dim: #5b6470; --link: #0b57a4; --panel: #f6f7f9; color-scheme: light dark; }
        @media (prefers-color-scheme: dark) { :root { --line: #353b44; --dim: #9aa4b1; --link: #7cb7f5; --panel: #1b1f24; } }
        * { box-sizing: border-box; }
        body { margin: 0; display: grid; grid-template-columns: 20rem 1fr; font: 15px/1.5 system-ui, sans-serif; }
        nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); }
        nav h1 { font-size: 1.1rem; margin: 0 0 .75rem; }
        nav h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; color: var(--dim); margin: 1rem 0 .25rem; }
        nav a { display: block; color: inherit; text-decoration: none; font-size: .85rem; overflow-wrap: anywhere; padding: .1rem 0; }
        nav a:hover { color: var(--link); }
        input { width: 100%; padding: .4rem .6rem; font: inherit; border: 1px solid var(--line); border-radius: 4px; background: transparent; color: inherit; }
        main { padding: 1.5rem 2rem 6rem; max-width: 62rem; min-width: 0; }
        section { border-top: 1px solid var(--line); padding: 1rem 0; }
        section h3 { margin: 0; font: 600 .95rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
        .method { display: inline-block; min-width: 4.2em; color: var(--link); }
        .dim { color: var(--dim); }
        table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .88rem; }
        th, td { text-align: left; vertical-align: top; padding: .25rem .5rem .25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
        code, pre { font: .85rem/1.45 ui-monospace, monospace; }
        pre { background: var(--panel); padding: .75rem; overflow: auto; border-radius: 4px; max-height: 28rem; }
        details { margin: .4rem 0; } summary { cursor: pointer; }
        @media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; max-height: 40vh; } main { padding: 1rem; } }
        """

    private static let script = """
        "use strict";
        const $ = (id) => document.getElementById(id);
        function el(name, attributes, ...children) {
          const node = document.createElement(name);
          for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
          for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
          return node;
        }
        function resolve(doc, value) {
          for (let i = 0; i < 8 && value && value.$ref; i++) {
            value = value.$ref.replace(/^#\\//, "").split("/").reduce(
              (node, key) => node && node[key.replace(/~1/g, "/").replace(/~0/g, "~")], doc);
          }
          return value || {};
        }
        function type(doc, schema) {
          if (schema && schema.$ref) return schema.$ref.split("/").pop();
          schema = resolve(doc, schema);
          if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
          let text = Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "any";
          if (schema.items) text = type(doc, schema.items) + "[]";
          if (schema.format) text += " (" + schema.format + ")";
          const bounds = [];
          if (schema.minLength !== undefined || schema.maxLength !== undefined)
            bounds.push((schema.minLength || 0) + "…" + (schema.maxLength === undefined ? "" : schema.maxLength) + " characters");
          if (schema.minimum !== undefined || schema.maximum !== undefined)
            bounds.push((schema.minimum === undefined ? "" : schema.minimum) + "…" + (schema.maximum === undefined ? "" : schema.maximum));
          return bounds.length ? text + ", " + bounds.join(", ") : text;
        }
        function rows(doc, schema) {
          schema = resolve(doc, schema);
          const required = new Set(schema.required || []);
          return Object.entries(schema.properties || {}).map(([name, property]) => {
            const own = resolve(doc, property);
            return el("tr", null, el("td", null, el("code", null, name), required.has(name) ? " *" : ""),
              el("td", { class: "dim" }, type(doc, property)), el("td", null, own.description || ""));
          });
        }
        function fields(doc, title, schema) {
          const body = rows(doc, schema);
          const raw = el("details", null, el("summary", { class: "dim" }, "JSON Schema"),
            el("pre", null, JSON.stringify(resolve(doc, schema), null, 2)));
          return [el("p", { class: "dim" }, title), body.length ? el("table", null, body) : null, raw];
        }
        function operation(doc, path, method, item, op) {
          const id = "op-" + method + path.replace(/[^A-Za-z0-9]+/g, "-");
          const parameters = [...(item.parameters || []), ...(op.parameters || [])].map((p) => resolve(doc, p));
          const node = el("section", { id, "data-text": (method + " " + path + " " + (op.summary || "")).toLowerCase() },
            el("h3", null, el("span", { class: "method" }, method.toUpperCase()), path),
            el("p", null, op.summary || "", op["x-permission"] ? el("span", { class: "dim" }, "  needs ", el("code", null, op["x-permission"])) : null));
          if (op.description) node.append(el("p", { class: "dim" }, op.description));
          if (parameters.length) node.append(el("table", null, parameters.map((p) => el("tr", null,
            el("td", null, el("code", null, p.name), p.required ? " *" : ""), el("td", { class: "dim" }, p.in),
            el("td", { class: "dim" }, type(doc, p.schema || {})), el("td", null, p.description || "")))));
          const body = resolve(doc, op.requestBody);
          for (const [media, content] of Object.entries(body.content || {}))
            node.append(...fields(doc, "Body: " + media, content.schema || {}).filter(Boolean));
          for (const [status, answer] of Object.entries(op.responses || {})) {
            const own = resolve(doc, answer);
            const details = el("details", null, el("summary", null, status + " ", el("span", { class: "dim" }, own.description || "")));
            for (const [media, content] of Object.entries(own.content || {}))
              details.append(...fields(doc, media, content.schema || {}).filter(Boolean));
            node.append(details);
          }
          return { node, id, label: method.toUpperCase() + " " + path, tag: (op.tags || ["other"])[0] };
        }
        function event(doc, name, channel) {
          const id = "event-" + name.replace(/[^A-Za-z0-9]+/g, "-");
          const node = el("section", { id, "data-text": (name + " " + (channel.summary || "")).toLowerCase() },
            el("h3", null, channel.address || name), el("p", null, channel.summary || ""));
          for (const reference of Object.values(channel.messages || {})) {
            const message = resolve(doc, reference);
            if (message["x-status"] === "catalog_only") node.append(el("p", { class: "dim" }, "Declared, not emitted yet."));
            node.append(...fields(doc, message.title || "", message.payload || {}).filter(Boolean));
            const example = (message.examples || [])[0];
            if (example) node.append(el("details", null, el("summary", { class: "dim" }, "Example"),
              el("pre", null, JSON.stringify(example.payload, null, 2))));
          }
          return { node, id, label: name, tag: "Events: " + name.split(".")[0] };
        }
        async function get(path) {
          const answer = await fetch(path);
          if (!answer.ok) throw new Error(path + " answered " + answer.status);
          return answer.json();
        }
        async function start() {
          const [api, events] = await Promise.all([get("/openapi.json"), get("/asyncapi.json")]);
          const entries = [];
          for (const [path, item] of Object.entries(api.paths || {}))
            for (const method of ["get", "post", "put", "patch", "delete"])
              if (item[method]) entries.push(operation(api, path, method, item, item[method]));
          for (const [name, channel] of Object.entries(events.channels || {})) entries.push(event(events, name, channel));
          const groups = new Map();
          for (const entry of entries) groups.set(entry.tag, [...(groups.get(entry.tag) || []), entry]);
          for (const [tag, members] of groups) {
            const links = members.map((entry) => {
              entry.link = el("a", { href: "#" + entry.id }, entry.label);
              return entry.link;
            });
            $("index").append(el("div", null, el("h2", null, tag), links));
            $("content").append(...members.map((entry) => entry.node));
          }
          $("intro").textContent = (api.info && api.info.description) || "";
          $("filter").addEventListener("input", () => {
            const words = $("filter").value.toLowerCase().split(/\\s+/).filter(Boolean);
            for (const entry of entries) {
              const hidden = !words.every((word) => entry.node.dataset.text.includes(word));
              entry.node.hidden = hidden;
              entry.link.hidden = hidden;
            }
            for (const group of $("index").children)
              group.hidden = [...group.querySelectorAll("a")].every((link) => link.hidden);
          });
          if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
        }
        start().catch((error) => { $("intro").textContent = "The documents could not be read: " + error.message; });
        """
}
