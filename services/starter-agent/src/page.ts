const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const html = (text: string) => text.replace(/[&<>"]/g, (c) => escapes[c] ?? c)

/** The page at `GET /`: says what this is and how to talk to it. No script, and nothing of a key but its label. */
export function page(name: string, labels: readonly string[]): string {
  const keys =
    labels.length === 0
      ? '<p>No provider key is synced yet. Attach one to the agent and run <b>sync keys</b>.</p>'
      : `<p>Synced keys: ${labels.map((label) => `<b>${html(label)}</b>`).join(', ')}.</p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${html(name)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
pre{background:#f2f2f2;padding:1rem;overflow-x:auto}</style></head>
<body><h1>${html(name)}</h1>
<p>A Nora starter agent is running. It speaks the OpenAI chat API.</p>
${keys}
<pre>POST v1/chat/completions
{"model":"&lt;a model of your provider&gt;","messages":[{"role":"user","content":"Hello"}]}</pre>
<p>Health: <a href="healthz">healthz</a></p></body></html>
`
}
