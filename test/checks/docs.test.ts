import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { generatedPages } from '../../scripts/docs.ts'
import { blocksOf, writeBlocks } from './code-in-docs.ts'
import { find, read, root } from './sources.ts'

const pages = find('*.md', '{docs,apps,packages,examples,bench}/**/*.md')

for (const [file, text] of Object.entries(await generatedPages())) {
  test(`${file} matches the code`, () => {
    assert.equal(existsSync(path.join(root, file)) && read(file), text, 'run `npm run docs`')
  })
}

const withoutCode = (text: string) =>
  text.replace(/^( *)```.*?^\1```/gms, '').replace(/`[^`\n]*`/g, '')

/** A heading as GitHub makes it the target of a link. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

function anchorsOf(file: string) {
  const text = read(file).replace(/^( *)```.*?^\1```/gms, '')
  return [...text.matchAll(/^#+ +(.+?) *$/gm)].map(([, heading]) => anchorOf(heading!))
}

function isBroken(page: string, link: string) {
  if (/^[a-z]+:/.test(link) || link.startsWith('/')) return false
  const [name, anchor] = link.split('#') as [string, string?]
  const target = name === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(name))
  if (!existsSync(path.join(root, target))) return true
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor)
}

test('every link between files of the repository leads somewhere', () => {
  const broken = pages.flatMap((page) => {
    const text = withoutCode(read(page))
    const links = [...text.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]: +(\S+)/gm)]
    return links
      .map(([, inline, reference]) => (inline ?? reference)!)
      .filter((link) => isBroken(page, link))
      .map((link) => `${page}: ${link}`)
  })
  assert.deepEqual(broken, [])
})

test('every file that a page names in backticks by its path exists', () => {
  const named =
    /`((?:apps|packages|examples|docs|scripts|test|bench)\/[\w./-]+\.(?:ts|js|md|sql|json))`/g
  const missing = pages
    .filter((page) => !page.includes('CHANGELOG'))
    .flatMap((page) =>
      [...read(page).matchAll(named)]
        .filter(([, file]) => !existsSync(path.join(root, file!)))
        .map(([, file]) => `${page}: ${file}`),
    )
  assert.deepEqual(missing, [])
})

test('docs/README.md links every page of docs', () => {
  const index = withoutCode(read('docs/README.md'))
  const missing = find('docs/*.md')
    .map((page) => path.posix.basename(page))
    .filter((name) => name !== 'README.md' && !index.includes(`](${name})`))
  assert.deepEqual(missing, [])
  assert.ok(read('docs/README.md').split('\n').length <= 81, 'it has more than 80 lines')
})

/** Pages without a limit on their length. */
const longPages = ['cli-reference', 'capabilities-reference', 'errors'].map(
  (name) => `docs/${name}.md`,
)

test('the page about chats shows an example as it is, and counts the lines of all', () => {
  const page = read('docs/embedding.md')
  const [, shown] = /^```html\n(.*?)^```/ms.exec(page)!
  assert.equal(shown, read('examples/front-ends/script-tag/index.html'))
  const counted = [...page.matchAll(/\[(\d+)\]\(\.\.\/(examples\/[^)]+)\)/g)]
  assert.ok(counted.length >= 5)
  for (const [, lines, file] of counted) {
    assert.equal(Number(lines), read(file!).split('\n').length - 1, file)
  }
})

test('a page of docs has at most 200 lines', () => {
  const long = find('docs/{,security/,tutorials/}*.md')
    .filter((page) => !longPages.includes(page))
    .filter((page) => read(page).split('\n').length > 201)
  assert.deepEqual(long, [])
})

test('AGENTS.md has at most 100 lines', () => {
  assert.ok(read('AGENTS.md').split('\n').length <= 101, 'it has more than 100 lines')
})

test('TypeScript in pages and in docstrings of the client compiles', (t) => {
  const blocks = [...pages, ...find('packages/sdk/src/**/*.ts')]
    // Code of a project, which test/project compiles with the project.
    .filter((page) => page !== 'docs/first-agent.md')
    .flatMap(blocksOf)
  const folder = path.join(root, 'dist/code-in-docs')
  writeBlocks('code-in-docs', blocks)
  t.after(() => rmSync(folder, { recursive: true }))
  const paths = {
    outlast: ['../../apps/server/src/authoring/index.ts'],
    'outlast/testing': ['../../apps/server/src/testing/index.ts'],
  }
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { paths },
    include: ['*.ts'],
  }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = blocks.length
    ? spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    : { status: 0, stdout: '' }
  assert.equal(status, 0, stdout)
})

/** Titles of the tests in a file; what a template fills in is `…`. */
function titlesOf(file: string): string[] {
  if (!existsSync(path.join(root, file))) return []
  const calls = read(file).matchAll(/^ *test\(\s*('(?:\\.|[^'])*'|"[^"]*"|`[^`]*`),/gm)
  return [...calls].map(([, title]) =>
    title!
      .slice(1, -1)
      .replaceAll("\\'", "'")
      .replaceAll('\\\\', '\\')
      .replace(/\$\{[^}]*\}/g, '…'),
  )
}

const namedTests = (text: string) => [...text.matchAll(/^- `([\w./-]+\.test\.ts)`: \*(.+)\*$/gm)]

const securityPages = find('docs/security/*.md')

test('every test that the security pages and the report of reviews name exists', () => {
  const pages = { security: securityPages, reviews: find('docs/reports/*reviews*.md') }
  for (const [page, files] of Object.entries(pages)) {
    const text = files.map(read).join('\n')
    const named = [...text.matchAll(/`([\w./-]+\.test\.ts)`: \*([^*|\n]+)\*/g)]
    assert.ok(named.length > 20, page)
    const missing = named.filter(([, file, title]) => !titlesOf(file!).includes(title!))
    assert.deepEqual(
      missing.map(([one]) => one),
      [],
      page,
    )
  }
})

test('every threat on the security pages names a test', () => {
  const threats = securityPages.flatMap((page) =>
    read(page)
      .split(/^(?=\*\*)/m)
      .slice(1),
  )
  assert.ok(threats.length > 50)
  assert.deepEqual(
    threats.filter((threat) => namedTests(threat).length === 0),
    [],
  )
})
