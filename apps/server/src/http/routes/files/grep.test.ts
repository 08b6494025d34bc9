import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { GrepResult } from '@outlast/contract'
import { startServer } from '../../../../test/server.ts'
import { createSession } from '../../../../test/session.ts'
import { sessionWith, type ToolUse, useToolsAtOnce } from '../../../../test/tool-session.ts'
import { eventually } from '../../../../test/waiting.ts'

const cleanups: (() => unknown)[] = []
after(async () => {
  for (const work of cleanups.reverse()) await work()
})

let server: Awaited<ReturnType<typeof startServer>>
let base: string

before(async () => {
  server = await startServer({ after: (work: () => unknown) => void cleanups.push(work) })
  base = `/v1/sessions/${(await createSession(server)).id}/fs`
  const files = {
    '/a.txt': 'first\nsecond\r\nthird needle',
    '/docs/b.md': 'needle\n\nneedle in hay\n',
    '/docs/deep/c.md': 'nothing\n',
    '/docs/deep/ünï.md': 'Nadel: needle 😀',
    '/empty': '',
    '/src/x[1].ts': 'const needle = 1',
  }
  for (const [path, content] of Object.entries(files)) await put(path, content)
  const binary = Buffer.concat([Buffer.from('needle\n'), Buffer.from([0, 1, 0xff])])
  await put('/binary', binary.toString('base64'), 'base64')
})

async function put(path: string, content: string, encoding = 'text') {
  const url = base + encodeURI(path).replace('[', '%5B').replace(']', '%5D')
  const { status, body } = await server.call('POST', url, { content, encoding })
  assert.equal(status, 201, JSON.stringify(body))
}

const grep = (pattern: string, path_pattern?: string | null) =>
  server.call('POST', `${base}/_/grep`, { pattern, path_pattern })

/** On a loaded machine a search may wait or run for 10 s: it is repeated, as clients do. */
const repeated = (again: number[], pattern: string, glob?: string | null) =>
  eventually(async () => {
    const answer = await grep(pattern, glob)
    return again.includes(answer.status) ? undefined : answer
  })

const answered = (pattern: string, glob?: string | null) => repeated([408, 503], pattern, glob)

/** The matches as `path:line:text`. */
async function found(pattern: string, glob?: string | null) {
  const { status, body } = await answered(pattern, glob)
  assert.equal(status, 200, JSON.stringify(body))
  return body.data.flatMap(({ path, matches }: GrepResult) =>
    matches.map((match) => {
      assert.equal(match.path, path)
      return `${path}:${match.line_number}:${match.line}`
    }),
  )
}

const pathsOf = (lines: string[]) => [...new Set(lines.map((line) => line.split(':')[0]))]

test('lines are found in the order of paths, binary files left out', async () => {
  assert.deepEqual(await found('needle'), [
    '/a.txt:3:third needle',
    '/docs/b.md:1:needle',
    '/docs/b.md:3:needle in hay',
    '/docs/deep/ünï.md:1:Nadel: needle 😀',
    '/src/x[1].ts:1:const needle = 1',
  ])
  assert.deepEqual(await found('^second$'), ['/a.txt:2:second\r'])
  assert.deepEqual(await found('^$'), ['/docs/b.md:2:', '/empty:1:'])
  assert.deepEqual(await found('(?i)NADEL.*\\x{1F600}$'), ['/docs/deep/ünï.md:1:Nadel: needle 😀'])
  assert.deepEqual(await found('first\\nsecond'), [], 'a pattern is about one line')
  const { body } = await answered('never there')
  assert.deepEqual(body, { data: [], total: 0, offset: 0, limit: 1 })
})

test('path_pattern is a glob: about names without a slash, else about whole paths', async () => {
  const globs: Record<string, string[]> = {
    '*.md': ['/docs/b.md', '/docs/deep/ünï.md'],
    'b.*': ['/docs/b.md'],
    '/docs/*': ['/docs/b.md'],
    'docs/*': ['/docs/b.md'],
    '/docs/**': ['/docs/b.md', '/docs/deep/ünï.md'],
    '/**/*.md': ['/docs/b.md', '/docs/deep/ünï.md'],
    '/docs/**/ünï.md': ['/docs/deep/ünï.md'],
    '?.txt': ['/a.txt'],
    '[!a].md': ['/docs/b.md'],
    '[a-b].*': ['/a.txt', '/docs/b.md'],
    '*.{ts,txt}': ['/a.txt', '/src/x[1].ts'],
    'x\\[1\\].ts': ['/src/x[1].ts'],
    'x[[]1[]].ts': ['/src/x[1].ts'],
    '{': [],
    '[': [],
    '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b': [],
    '{{{{a,b},c},d},e}.txt': ['/a.txt'],
  }
  for (const [glob, paths] of Object.entries(globs)) {
    assert.deepEqual(pathsOf(await found('needle', glob)), paths, glob)
  }
  assert.equal((await found('needle', null)).length, 5)
})

test('an invalid or unsupported pattern is 400 with the reason', async () => {
  for (const pattern of [
    '(',
    '[a',
    'a**',
    '(?=a)',
    '(a)\\1',
    '\\',
    '(?P<n',
    'a{1001}',
    '((a{100}){100}){100}',
  ]) {
    const { status, body } = await answered(pattern)
    assert.deepEqual([status, body.code], [400, 'invalid_regex'], pattern)
    assert.match(body.error, /^Invalid regex: ./)
  }
  assert.equal((await grep('')).status, 400)
  assert.equal((await grep('x'.repeat(1_001))).status, 400)
})

test('patterns made to run for ever end, and others are served meanwhile', async () => {
  await put('/long.txt', 'a'.repeat(2_000_000))
  const evil = [
    '(a+)+$x',
    '(a|aa)+$b',
    '(.*)(.*)(.*)(.*)(.*)x',
    `${'(a?)'.repeat(100)}${'a'.repeat(100)}b`,
  ]
  const [health, ...answers] = await Promise.all([
    server.call('GET', '/health'),
    ...evil.map((pattern) => repeated([503], pattern, 'long.txt')),
  ])
  assert.equal(health!.status, 200)
  for (const { status, body } of answers) {
    assert.ok(
      status === 200 ? body.total === 0 : body.code === 'grep_timeout',
      JSON.stringify(body),
    )
  }
  assert.equal((await found('^first$')).length, 1)
})

test('an answer has a limit, and long lines are cut short', async () => {
  await put('/many.txt', 'match\n'.repeat(12_000))
  const { body } = await answered('^match$', 'many.txt')
  assert.deepEqual([body.truncated, body.data[0].matches.length], [true, 10_000])
  await put('/line.txt', `${'é'.repeat(5_000)} end`)
  const [line] = await found('end$', 'line.txt')
  assert.ok(line!.length < 1_050 && line!.endsWith('…'))
})

test('a search that keeps a thread busy holds up no other session', async () => {
  await put('/digits.txt', randomBytes(500_000).toString('hex'))
  const session = await createSession(server)
  const mine = `/v1/sessions/${session.id}/fs`
  await server.call('POST', `${mine}/mine.txt`, { content: 'mine' })
  const { status, body } = await eventually(async () => {
    const slow = grep('[0-7][0-9a-f]{900}[^0-9a-f]', 'digits.txt')
    const other = server.call('POST', `${mine}/_/grep`, { pattern: 'mine' })
    const first = await Promise.race([slow, other])
    assert.ok([200, 408, 503].includes((await slow).status))
    // On a loaded machine both may take the 10 s of the slow one.
    return first === (await other) && first.status === 200 ? first : undefined
  })
  assert.deepEqual([status, body.total], [200, 1], JSON.stringify(body))
})

test('reports too many concurrent searches to the model', async (t) => {
  const { id } = await sessionWith(server, 'session_file_system')
  await server.call('POST', `/v1/sessions/${id}/fs/a.txt`, { content: 'needle' })
  const uses = Array.from({ length: 120 }, (): ToolUse => ['grep_files', { pattern: 'needle' }])
  const refused = await eventually(async () => {
    const answers = await useToolsAtOnce(t, server, id, ...uses)
    // On a loaded machine the first search may take the 10 s that all of them have.
    if (!answers.some((answer) => answer.match_count === 1)) return undefined
    return answers.filter((answer) => typeof answer === 'string')
  })
  const tooLate = /^The search did not end/
  assert.deepEqual(
    [...new Set(refused.filter((answer) => !tooLate.test(answer)))],
    ['Too many searches at once. Try again.'],
  )
})
