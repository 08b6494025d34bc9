/** Markdown and server rendering of `@outlast/react`. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { bundle, startSite } from './site.ts'

const root = path.join(import.meta.dirname, '../..')

let page: Page
let requests: string[]
let complaints: string[]

beforeAll(async (t) => {
  const script = await bundle(path.join(root, 'packages/react/test/page.tsx'), root)
  const origin = await startSite(t, script)
  const profile = await openProfile(t, await startBrowser(t))
  ;({ page, complaints } = await openTab(profile, origin))
  await page.waitForFunction('globalThis.app !== undefined')
  requests = []
  page.on('request', (request) => requests.push(request.url()))
})

/** Renders Markdown and returns its HTML. */
async function html(text: string): Promise<string> {
  await page.evaluate(`app.showMarkdown(${JSON.stringify(text)})`)
  return page.locator('#root > div').innerHTML()
}

test('renders the usual Markdown', async () => {
  const cases: [string, string][] = [
    ['# One **two**', '<h1>One <strong>two</strong></h1>'],
    ['## C# ##', '<h2>C#</h2>'],
    ['a *b* _c_ ~~d~~ `e*`', '<p>a <em>b</em> <em>c</em> <del>d</del> <code>e*</code></p>'],
    ['a_b_c and 2 * 3 * 4', '<p>a_b_c and 2 * 3 * 4</p>'],
    ['***both***', '<p><strong><em>both</em></strong></p>'],
    ['- a\n- b\n  - c', '<ul><li>a</li><li><p>b</p><ul><li>c</li></ul></li></ul>'],
    ['3. a\n4. b', '<ol start="3"><li>a</li><li>b</li></ol>'],
    ['> a\n> b', '<blockquote><p>a<br>b</p></blockquote>'],
    ['```js\n<b>\n```', '<pre><code data-language="js">&lt;b&gt;</code></pre>'],
    ['```\nopen', '<pre><code>open</code></pre>'],
    [
      '| a | b |\n|---|---|\n| 1 | 2 |',
      '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>',
    ],
    ['a\n\n---\n\nb', '<p>a</p><hr><p>b</p>'],
    ['\\*a\\*', '<p>*a*</p>'],
  ]
  for (const [text, expected] of cases) assert.equal(await html(text), expected, text)
  const link = await html('[a](https://example.com/x) and https://example.org/y.')
  assert.match(link, /<a href="https:\/\/example.com\/x" target="_blank" rel="noopener[^>]*>a<\/a>/)
  assert.match(link, />https:\/\/example.org\/y<\/a>\./)
})

test('HTML is text, scripts are no links, and images are not loaded', async () => {
  requests.length = 0
  const hostile = [
    '<script>document.title = "owned"</script>',
    '<img src=x onerror="document.title = 1">',
    '[a](javascript:alert(1))',
    '[a](JaVaScRiPt:alert(1))',
    '[a](&#106;avascript:alert(1))',
    '[a](java\tscript:alert(1))',
    '[a](data:text/html,<script>alert(1)</script>)',
    '[a](vbscript:x)',
    '[a](//evil.example.com/x)',
    '[a](/\\evil.example.com)',
    '![a](https://evil.example.com/leak?secret)',
    '<javascript:alert(1)>',
    '[a](https://x" onclick="alert(1))',
    '```"><script>x</script>\nx\n```',
  ]
  for (const text of hostile) {
    await html(text)
    const found = await page.locator('#root').evaluate((element) => {
      const all = [...element.querySelectorAll('*')] as unknown as {
        tagName: string
        getAttributeNames: () => string[]
        getAttribute: (name: string) => string
      }[]
      return all.map((one) => [
        one.tagName,
        ...one.getAttributeNames().map((name) => `${name}=${one.getAttribute(name)}`),
      ])
    })
    for (const [tag, ...attributes] of found) {
      assert.ok(['DIV', 'P', 'A', 'PRE', 'CODE'].includes(tag!), `${text}: ${tag}`)
      for (const each of attributes) {
        assert.match(each, /^(href=https?:\/\/|target=_blank|rel=|data-language=)/, text)
      }
    }
  }
  assert.deepEqual([requests, complaints], [[], []])
})

test('hostile Markdown is rendered in linear time and without deep nesting', async () => {
  const n = 20_000
  const texts = [
    '[',
    '*a ',
    '_a',
    '**a',
    '`',
    '>',
    '- ',
    '![',
    '~~',
    '\\',
    'http://',
    '|',
    '# ',
    '[](',
  ].map((part) => part.repeat(n / part.length))
  for (const text of [
    ...texts,
    `${'> '.repeat(5_000)}x`,
    `${'  '.repeat(3_000)}- x`,
    '`a``b'.repeat(4_000),
    // Quadratic time would exceed the limit of the test.
    `a|b\n${' '.repeat(20 * n)}-x`,
    `a|b\n---${' '.repeat(20 * n)}x`,
    `# x${' '.repeat(20 * n)}y`,
    `\` ${'a'.repeat(20 * n)}\``,
  ]) {
    assert.ok((await html(text)).length > 0)
  }
})

/** Imports without types: those of React declare an empty DOM for all tests. */
const load = (name: string) => import(name)

test('a page that a server renders has the empty state and sends nothing', async (t) => {
  const { createElement } = await load('react')
  const { renderToString } = await load('react-dom/server')
  const { useOutlast } = await load(path.join(root, 'packages/react/src/use-outlast.ts'))
  const sent = t.mock.method(globalThis, 'fetch', () => assert.fail('sent a request'))
  function View() {
    const { status, items } = useOutlast({ url: '/', agentId: 'agent_x', key: 'chat' })
    return createElement('p', { 'data-count': items.length }, status)
  }
  assert.equal(renderToString(createElement(View)), '<p data-count="0">loading</p>')
  assert.equal(sent.mock.callCount(), 0)
})
