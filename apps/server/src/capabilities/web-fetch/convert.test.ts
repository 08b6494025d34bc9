import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Converted, convert } from './convert.ts'
import { convertInThread } from './converter.ts'
import type { PageFormat } from './settings.ts'

const pageOf = (html: string, format: PageFormat) => ({
  bytes: new Uint8Array(Buffer.from(html)),
  url: 'http://site.example/a/b?c',
  contentType: 'text/html',
  isWhole: true,
  format,
  lengthMax: 1_000_000,
})

const callOf = (signal: AbortSignal, orgId = 'one', processorMsMax = 5_000) => ({
  orgId,
  signal,
  processorMsMax,
})

const never = new AbortController().signal

type Text = Extract<Converted, { isBinary: false }>
const write = (html: string, format: PageFormat = 'markdown') =>
  (convert(pageOf(html, format)) as Text).content

test('converts a page to Markdown', () => {
  const cases: [html: string, markdown: string][] = [
    ['<p>one<p>two', 'one\n\ntwo'],
    ['<title>T</title><p>x', '# T\n\nx'],
    ['<title>T</title><h1>H</h1>', '# H'],
    ['<h2>a <em>b</em></h2><hr>', '## a _b_\n\n---'],
    ['<ul><li>a<li>b<ul><li>c</ul></ul>', '- a\n- b\n  - c'],
    ['<ol start=9><li>a<li>b<p>c</ol>', '9. a\n10. b\n\n    c'],
    ['<blockquote>a<blockquote>b</blockquote></blockquote>', '> a\n>\n> > b'],
    [
      '<a href=x>r</a> <a href=//o.example/>s</a>',
      '[r](http://site.example/a/x) [s](http://o.example/)',
    ],
    ['<base href=/z/><a href=x>r</a>', '[r](http://site.example/z/x)'],
    ['<a href="javascript:x()">j</a> <a href=#top>t</a>', 'j t'],
    [
      '<img src=i.png alt=i><img src="data:image/png;base64,xx" alt=d>',
      '![i](http://site.example/a/i.png)',
    ],
    ['a<script>s</script><style>s</style><template>t</template><svg><text>v</svg>b', 'ab'],
    ['<p>*a* _b_ `c` [d] # e', '\\*a\\* \\_b\\_ \\`c\\` \\[d\\] # e'],
    ['<pre>a\n  ```b\n</pre>', '````\na\n  ```b\n````'],
    ['<table><tr><td>a<td>b<tr><td>c<td>d\n\ne</table>', '| a | b |\n| --- | --- |\n| c | d e |'],
    ['<table><tr><td>only</table>', 'only'],
    [
      '<table><tr><td><table><tr><td>a<td>b</table><td>side</table>',
      '| a | b |\n| --- | --- |\n\nside',
    ],
    ['</div></p>a</b><b>c', 'a**c**'],
    ['<html><head></head>x</html>', 'x'],
    ['', ''],
  ]
  for (const [html, markdown] of cases) assert.equal(write(html), markdown, html)
})

test('converts a page to text', () => {
  const cases: [html: string, text: string][] = [
    ['<title>T</title><h1>a</h1><p>b  c\n d<p>e', 'T\n\na\n\nb c d\n\ne'],
    ['<ul><li>a<li>b</ul>c<br>d<br><br><br>e', '- a\n- b\n\nc\nd\n\ne'],
    ['<table><tr><td>a<td>b<tr><td>c<td>d</table>', 'a\tb\nc\td'],
    ['<pre>a\n   b</pre>', 'a\n   b'],
    ['a<script>x<b>y</script>b<style>z</style>c<svg><title>v</title></svg>d<svg/>e', 'abcde'],
    ['&lt;b&gt; &amp;amp; &eacute;&#8364;&#x1f600;&bogus;', '<b> &amp; é€😀&bogus;'],
    ['a<!-- b -->c<!doctype html><![CDATA[d]]>', 'ac'],
    ['1 < 2 <3', '1 < 2 <3'],
    ['', ''],
  ]
  for (const [html, text] of cases) assert.equal(write(html, 'text'), text, html)
})

test('returns only the article of a page that has one', () => {
  const words = 'Tea is a drink, and a habit, of many people in many lands. '
  const paragraphs = `<p>${words.repeat(5)}</p>`.repeat(5)
  const html = `<html><head><title>On tea</title></head><body><nav><a href=/>Home</a> <a href=/x>Shop</a></nav>
    <article><h1>On tea</h1>${paragraphs}</article><footer>Imprint</footer></body></html>`
  const markdown = write(html)
  assert.ok(markdown.startsWith('# On tea\n\nTea is a drink'))
  assert.doesNotMatch(markdown, /Home|Imprint/)
  assert.match(write(html, 'text'), /Home Shop/)
})

const size = 256 * 1024
const filled = (piece: string) => piece.repeat(Math.ceil(size / piece.length))
const hostile = {
  'nested blocks': filled('<div>'),
  'nested inlines': filled('<b><i>'),
  'nested lists': filled('<ul><li>'),
  'nested tables': filled('<table><tr><td>'),
  'quotes of empty lines': `${'<blockquote>'.repeat(200)}<pre>${'\n'.repeat(size)}`,
  'lists of empty lines': `${'<ul><li>'.repeat(60)}<pre>${'\n'.repeat(size)}`,
  'one endless line': filled('a'),
  'spaces without end': `<pre>${filled(' ')}x`,
  'a tag that does not end': `<a ${filled('b ')}`,
  'attributes without end': `<a ${filled('b=c ')}>x`,
  'comments that do not end': filled('<!--'),
  'signs of smaller': filled('<'),
  frames: filled('<html '),
  'whole frames': filled('<body x=y>'),
  entities: filled('&amp;'),
  'broken entities': filled('&a'),
  escapes: filled('*_`['),
  fences: `<pre>${filled('```a')}`,
  'items without list': filled('<li>x'),
  'rows without table': filled('<tr><td>x<td>y'),
  'scripts that do not end': filled('<script>'),
  'ends without beginning': filled('</p></b></x>'),
  zeros: `<p>${filled('\0')}`,
}

for (const [name, html] of Object.entries(hostile)) {
  test(`a page made of ${name} is converted, or given up in time`, async () => {
    for (const format of ['markdown', 'text', 'raw'] as const) {
      const isMarkdown = format === 'markdown'
      const call = callOf(never, 'one', isMarkdown ? 1_000 : 10_000)
      const conversion = convertInThread(pageOf(html, format), call)
      if (!isMarkdown) await conversion
      else await conversion.catch(({ message }) => assert.match(message, /too long to convert/))
    }
  })
}

test('ends a thread with its call and uses another one for the next page', async () => {
  const slow = pageOf('<img src=a>'.repeat(80_000), 'markdown')
  await assert.rejects(convertInThread(slow, callOf(AbortSignal.timeout(300))), {
    name: 'TimeoutError',
  })
  const converted = await convertInThread(pageOf('<p>x', 'markdown'), callOf(never))
  assert.equal((converted as Text).content, 'x')
})

test('limits the processor time of a page, not counting earlier pages', async () => {
  const slow = pageOf('<img src=a>'.repeat(80_000), 'markdown')
  await assert.rejects(convertInThread(slow, callOf(never, 'one', 300)), {
    message: 'The page takes too long to convert. Request it raw or as text.',
  })
  for (const processorMsMax of [5_000, 5_000, 5_000, 5_000, 5_000, 2_000]) {
    const page = pageOf('<p>some words, and more of them</p>'.repeat(15_000), 'markdown')
    await convertInThread(page, callOf(never, 'one', processorMsMax))
  }
})

test('pages beyond the number of threads wait or leave on abort', async () => {
  const slow = Array.from({ length: 4 }, () => pageOf('<img src=a>'.repeat(80_000), 'markdown'))
  const stop = new AbortController()
  const held = slow.map((one) => convertInThread(one, callOf(stop.signal)))
  const ended = Promise.allSettled(held)
  const left = convertInThread(pageOf('<p>x', 'text'), callOf(AbortSignal.timeout(50)))
  const waiting = convertInThread(pageOf('<p>y', 'text'), callOf(never))
  await assert.rejects(left, { name: 'TimeoutError' })
  stop.abort()
  assert.equal(((await waiting) as Text).content, 'y')
  assert.ok((await ended).every(({ status }) => status === 'rejected'))
})

test('pages of one organization leave a thread to the next one', async () => {
  const slow = Array.from({ length: 8 }, () => pageOf('<img src=a>'.repeat(80_000), 'markdown'))
  const stop = new AbortController()
  let ended = 0
  const held = slow.map((one) =>
    convertInThread(one, callOf(stop.signal)).finally(() => {
      ended += 1
    }),
  )
  const settled = Promise.allSettled(held)
  const call = callOf(never, 'two')
  assert.equal(((await convertInThread(pageOf('<p>x', 'text'), call)) as Text).content, 'x')
  assert.equal(ended, 0)
  stop.abort()
  await settled
})
