import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import { fetchInTurn, startFetching } from '../../../test/remotes/fetching.ts'
import { page, startSite } from '../../../test/remotes/site.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16()
const mark = { le: hex('fffe'), be: hex('feff'), utf8: hex('efbbbf') }
const meta = (label: string) => Buffer.from(`<meta charset="${label}"><p>`)
const joined = (...parts: Buffer[]) => Buffer.concat(parts)

const japanese = hex('82b182f182c982bf82cd')
const korean = hex('bec8b3e7')
const chinese = hex('c4e3bac3')
const cyrillic = hex('f0d2c9d7c5d4')
const western = hex('636166e920937894')

/** Name, body, content type and expected text. */
const cases: [name: string, body: Buffer, contentType: string, text: string][] = [
  ['UTF-8', Buffer.from('caffè 😀'), 'text/html; charset=utf-8', 'caffè 😀'],
  ['UTF-8, unsaid', Buffer.from('caffè 😀'), 'text/html', 'caffè 😀'],
  [
    'UTF-8 by its mark',
    joined(mark.utf8, Buffer.from('caffè')),
    'text/html; charset=koi8-r',
    'caffè',
  ],
  [
    'UTF-16 LE by its mark',
    joined(mark.le, Buffer.from('<p>вітаю', 'utf16le')),
    'text/html',
    'вітаю',
  ],
  [
    'UTF-16 BE by its mark',
    joined(mark.be, bigEndian('<p>вітаю')),
    'text/html; charset=utf-8',
    'вітаю',
  ],
  [
    'UTF-16 LE by its header',
    Buffer.from('вітаю', 'utf16le'),
    'text/html; charset=UTF-16',
    'вітаю',
  ],
  ['UTF-16 BE by its header', bigEndian('вітаю'), 'text/html; charset=utf-16be', 'вітаю'],
  ['UTF-16 LE by its look', Buffer.from('<html><p>hello', 'utf16le'), 'text/html', 'hello'],
  ['UTF-16 BE by its look', bigEndian('<html><p>hello'), 'text/html', 'hello'],
  ['windows-1252 by its header', western, 'text/html; charset=windows-1252', 'café “x”'],
  ['windows-1252 under its other name', western, 'text/html; charset=ISO-8859-1', 'café “x”'],
  ['windows-1252, unsaid', western, 'text/html', 'café “x”'],
  ['Shift JIS by its header', japanese, 'text/html; charset="Shift_JIS"', 'こんにちは'],
  ['Shift JIS by a meta', joined(meta('shift_jis'), japanese), 'text/html', 'こんにちは'],
  ['EUC-KR by its header', korean, 'text/html;charset=euc-kr', '안녕'],
  [
    'EUC-KR by an old meta',
    joined(
      Buffer.from('<meta http-equiv="Content-Type" content="text/html; charset=euc-kr"><p>'),
      korean,
    ),
    'text/html',
    '안녕',
  ],
  ['GB 18030 by its header', chinese, 'text/html; charset=gb18030', '你好'],
  ['GB 18030 by a meta', joined(meta('gb18030'), chinese), 'text/html', '你好'],
  ['KOI8-R by its header', cyrillic, 'text/html; charset=koi8-r', 'Привет'],
  ['a label nobody knows', Buffer.from('caffè'), 'text/html; charset=klingon', 'caffè'],
  [
    'a label nobody knows, and a meta',
    joined(meta('koi8-r'), cyrillic),
    'text/html; charset=x',
    'Привет',
  ],
  ['a meta that cannot be', joined(meta('utf-16'), Buffer.from('è')), 'text/html', 'è'],
  ['bytes that are no UTF-8', hex('6120ff2062'), 'text/html; charset=utf-8', 'a \ufffd b'],
]

let server: Awaited<ReturnType<typeof startFetching>>

beforeAll(async (t) => {
  server = await startFetching(t as TestContext)
})

test('reads a page in its own encoding', async (t) => {
  const pages = cases.map(([, body, type], at) => [`/${at}`, page(body, { 'content-type': type })])
  const site = await startSite(t, Object.fromEntries(pages))
  const inputs = cases.map((_, at) => ({ url: `${site.url}/${at}`, as_text: true }))
  const outcomes = await fetchInTurn(t, { server }, ...inputs)
  for (const [at, [name, , , text]] of cases.entries()) {
    assert.equal(outcomes[at]!.result?.content, text, name)
  }
})

test('reads XML and JSON in their encodings without conversion', async (t) => {
  const xml = joined(Buffer.from('<?xml version="1.0" encoding="koi8-r"?><a>'), cyrillic)
  const site = await startSite(t, {
    '/xml': page(xml, { 'content-type': 'application/atom+xml' }),
    '/json': page('{"a":"caffè"}', { 'content-type': 'application/problem+json' }),
    '/svg': page('<svg><text>è</text></svg>', { 'content-type': 'image/svg+xml' }),
    '/bare': page('just words: è', { 'content-type': '' }),
    '/odd': page('just words: è', { 'content-type': 'application/x-nobody-knows' }),
  })
  const paths = ['/xml', '/json', '/svg', '/bare', '/odd']
  const outcomes = await fetchInTurn(
    t,
    { server },
    ...paths.map((path) => ({ url: site.url + path })),
  )
  assert.deepEqual(
    outcomes.map(({ result }) => result.content),
    [
      '<?xml version="1.0" encoding="koi8-r"?><a>Привет',
      '{"a":"caffè"}',
      '<svg><text>è</text></svg>',
      'just words: è',
      'just words: è',
    ],
  )
})

test('a truncated page has no partial character', async (t) => {
  const site = await startSite(t, { '/': page('è'.repeat(2000), { 'content-type': 'text/plain' }) })
  const config = { bytes_max: 1025 }
  const [cut] = await fetchInTurn(t, { server, config }, { url: site.url })
  assert.equal(cut!.result.content, 'è'.repeat(512))
})
