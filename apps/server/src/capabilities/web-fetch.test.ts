import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { beforeAll } from '../../test/hooks.ts'
import { fetchInTurn, startFetching } from '../../test/remotes/fetching.ts'
import { page, startSite } from '../../test/remotes/site.ts'

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const modified = 'Wed, 21 Oct 2015 07:28:00 GMT'
const html = `<!doctype html><html><head><title>Tea</title><style>p{color:red}</style></head><body>
  <h1>Tea &amp; time</h1><p>Drink <b>it</b> <a href="../hot?now">hot</a>.</p><script>steal()</script>
  <table><tr><th>Leaf</th><th>Minutes</th></tr><tr><td>green</td><td>2|3</td></tr></table>
  <pre><code class="language-js">brew()</code></pre>
</body></html>`

const pages = {
  '/a/tea': page(html, { 'content-type': 'text/html; charset=utf-8', 'last-modified': modified }),
  '/list.json': page('{"leaves":["green"]}', { 'content-type': 'application/json' }),
  '/plain': page('<b>as it is</b>\n\n\n\nend', { 'content-type': 'text/plain' }),
  '/untyped': page(html, { 'content-type': '' }),
  '/cup.png': page(png, { 'content-type': 'image/png', 'content-length': '16' }),
  '/book': page(png, {
    'content-type': 'application/pdf',
    'content-disposition': `attachment; filename="x.pdf"; filename*=UTF-8''My%20book.pdf`,
  }),
  '/liar.html': page(png),
  '/packed': page(gzipSync(html), { 'content-encoding': 'gzip' }),
  '/empty': page('', {}, 204),
  '/same': page('', {}, 304),
  '/gone': page('<p>It is gone.</p>', {}, 410),
  '/broken': page('out of order', { 'content-type': 'text/plain' }, 503),
}

let server: Awaited<ReturnType<typeof startFetching>>
let site: Awaited<ReturnType<typeof startSite>>

beforeAll(async (t) => {
  server = await startFetching(t as TestContext)
  site = await startSite(t as TestContext, pages)
})

type Input = { url: string; method?: string; as_markdown?: boolean; as_text?: boolean }

/** Calls the tool once per input; returns the results. */
const fetchAll = (t: TestContext, config: object, ...inputs: Input[]) => {
  const whole = inputs.map((input) => ({ ...input, url: site.url + input.url }))
  return fetchInTurn(t, { server, config }, ...whole)
}

test('returns a page unchanged, with its headers', async (t) => {
  const [tea] = await fetchAll(t, {}, { url: '/a/tea' })
  assert.deepEqual(tea!.result, {
    url: `${site.url}/a/tea`,
    status_code: 200,
    content_type: 'text/html; charset=utf-8',
    size: Buffer.byteLength(html),
    last_modified: modified,
    format: 'raw',
    content: html,
    truncated: false,
  })
})

const teaMarkdown = (url: string) => `# Tea & time

Drink **it** [hot](${url}/hot?now).

| Leaf | Minutes |
| --- | --- |
| green | 2\\|3 |

\`\`\`js
brew()
\`\`\``
const teaText = `Tea

Tea & time

Drink it hot.

Leaf\tMinutes
green\t2|3

brew()`

test('converts HTML to Markdown or text; Markdown wins when both are requested', async (t) => {
  const [markdown, text, both, packed, untyped] = await fetchAll(
    t,
    {},
    { url: '/a/tea', as_markdown: true },
    { url: '/a/tea', as_text: true },
    { url: '/a/tea', as_text: true, as_markdown: true },
    { url: '/packed', as_text: true },
    { url: '/untyped', as_text: true },
  )
  assert.equal(markdown!.result.format, 'markdown')
  assert.equal(markdown!.result.content, teaMarkdown(site.url))
  assert.equal(text!.result.format, 'text')
  assert.equal(text!.result.content, teaText)
  assert.deepEqual(both!.result, markdown!.result)
  assert.equal(packed!.result.content, teaText)
  assert.equal(packed!.result.size, Buffer.byteLength(html))
  assert.equal(untyped!.result.content, teaText)
})

test('does not convert other formats', async (t) => {
  const [json, plain] = await fetchAll(
    t,
    {},
    { url: '/list.json', as_markdown: true },
    { url: '/plain', as_text: true },
  )
  assert.equal(json!.result.format, 'raw')
  assert.equal(json!.result.content, '{"leaves":["green"]}')
  assert.equal(plain!.result.format, 'raw')
  assert.equal(plain!.result.content, '<b>as it is</b>\n\n\n\nend')
})

test('names binary content instead of returning it', async (t) => {
  const [image, book, liar] = await fetchAll(
    t,
    {},
    { url: '/cup.png' },
    { url: '/book' },
    { url: '/liar.html' },
  )
  assert.deepEqual(image!.result, {
    url: `${site.url}/cup.png`,
    status_code: 200,
    content_type: 'image/png',
    size: 16,
    last_modified: null,
    filename: 'cup.png',
    error: 'The content type is image/png, which is not text: its content is omitted.',
  })
  assert.equal(book!.result.filename, 'My book.pdf')
  assert.equal(
    liar!.result.error,
    'The content is not text, although its type is text/html: it is omitted.',
  )
  assert.equal(liar!.result.content, undefined)
})

test('HEAD returns the headers of a page of any type', async (t) => {
  const inputs = Object.keys(pages).map((url) => ({ url, method: 'HEAD' }))
  const outcomes = await fetchAll(t, {}, ...inputs)
  for (const [at, { result }] of outcomes.entries()) {
    assert.equal(result.method, 'HEAD', inputs[at]!.url)
    assert.equal(result.content, undefined)
  }
  const [tea] = outcomes
  assert.deepEqual(tea!.result, {
    url: `${site.url}/a/tea`,
    status_code: 200,
    content_type: 'text/html; charset=utf-8',
    size: null,
    last_modified: modified,
    filename: 'tea',
    method: 'HEAD',
  })
  const image = outcomes[Object.keys(pages).indexOf('/cup.png')]
  assert.equal(image!.result.size, 16)
  assert.ok(site.asked.some(({ method }) => method === 'HEAD'))
})

test('returns responses of every status', async (t) => {
  const [empty, same, gone, broken, missing] = await fetchAll(
    t,
    {},
    { url: '/empty' },
    { url: '/same' },
    { url: '/gone', as_markdown: true },
    { url: '/broken' },
    { url: '/nowhere' },
  )
  assert.deepEqual([empty!.result.status_code, empty!.result.content], [204, ''])
  assert.deepEqual([same!.result.status_code, same!.result.content], [304, ''])
  assert.deepEqual([gone!.result.status_code, gone!.result.content], [410, 'It is gone.'])
  assert.deepEqual([broken!.result.status_code, broken!.result.content], [503, 'out of order'])
  assert.deepEqual(
    [missing!.result.status_code, missing!.result.content],
    [404, 'Nothing is here.'],
  )
})

test('explains invalid arguments', async (t) => {
  const [post, extra] = await fetchAll(t, {}, { url: '/plain', method: 'POST' }, {
    url: '/plain',
    body: 'x',
  } as never)
  assert.match(post!.error!, /method must be one of GET, HEAD/)
  assert.match(extra!.error!, /does not take body/)
})
