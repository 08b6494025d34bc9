/**
 * Serves a minimal version of the console's list: a page of the same rows that is sent whole, with
 * a script of a few lines that answers a click. Takes PORT.
 */
import http from 'node:http'

const style = `body { margin: 0; font-family: sans-serif }
#scroll { height: 100vh; overflow: auto }
.session-row { display: flex; height: 60px; border-bottom: 1px solid #ddd }
.session-row[data-selected=true] { background: #def }`

const row = (n: number) => `<div class="session-row"><input type="checkbox">
<a href="/${n}">Please look at order ${n} for me. <span>Order ${n} was sent on Tuesday.</span></a></div>`

const answer = `document.addEventListener('click', ({ target }) => {
  if (target.checked) target.parentElement.dataset.selected = true
})`

const rows = Array.from({ length: 1_000 }, (_, n) => row(n)).join('\n')
const page = (body: string) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bare</title><link rel="icon" href="data:,">
<style>${style}</style><script>${answer}</script></head>
<body><div id="scroll">${body}</div></body></html>`
const pages: Record<string, string> = {
  '/': page(rows.slice(0, rows.indexOf(row(30)))),
  '/long': page(rows),
}

http
  .createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end(pages[request.url!] ?? 'ok')
  })
  .listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
