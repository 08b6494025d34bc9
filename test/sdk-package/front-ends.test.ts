/** The packages for front ends as users get them: packed, installed, compiled, and in Chromium. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, scripted } from '../../apps/server/test/session.ts'
import { buildPackage, packages } from '../../scripts/build-packages.ts'
import { buildSdk } from '../../scripts/build-sdk.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { bundle, startSite } from '../front-ends/site.ts'

const root = path.join(import.meta.dirname, '../..')
const folder = mkdtempSync(path.join(tmpdir(), 'outlast front ends '))
after(() => rmSync(folder, { recursive: true }))

let browser: Browser

function run(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout
}

/** Packs a built package. */
const packed = (name: string) => {
  const [file] = run(
    'npm',
    ['pack', '--silent', '--pack-destination', folder],
    path.join(folder, name),
  )
    .trim()
    .split('\n')
  return path.join(folder, file!)
}

/** A folder with the packages from their tarballs, and React from `modules`. */
function project(name: string, modules: string): string {
  const place = path.join(folder, name)
  mkdirSync(path.join(place, 'node_modules/@types'), { recursive: true })
  for (const file of tarballs) {
    const manifest = run('tar', ['-xzOf', file, 'package/package.json'], folder)
    const target = path.join(place, 'node_modules', JSON.parse(manifest).name)
    mkdirSync(target, { recursive: true })
    run('tar', ['-xzf', file, '--strip-components=1', '-C', target], folder)
  }
  for (const one of ['react', 'react-dom', 'scheduler']) {
    symlinkSync(path.join(modules, one), path.join(place, 'node_modules', one))
  }
  for (const one of ['@types/react', '@types/react-dom', 'csstype', '@assistant-ui']) {
    symlinkSync(path.join(root, 'node_modules', one), path.join(place, 'node_modules', one))
  }
  writeFileSync(path.join(place, 'package.json'), '{"private":true,"type":"module"}')
  const page = readFileSync(path.join(root, 'packages/react/test/page.tsx'), 'utf8')
  writeFileSync(path.join(place, 'page.tsx'), page.replace('../src/index.ts', '@outlast/react'))
  return place
}

const tarballs: string[] = []

beforeAll(async (t) => {
  browser = await startBrowser(t)
  await buildSdk(path.join(folder, 'sdk'))
  tarballs.push(packed('sdk'))
  for (const name of packages) {
    buildPackage(name, folder)
    tarballs.push(packed(name))
  }
})

test('the packages hold code, types, a README and a license, and no sources or private packages', () => {
  for (const file of tarballs) {
    const names = run('tar', ['-tzf', file], folder).trim().split('\n')
    const odd = names.filter(
      (name) => !/^package\/([\w./-]+(\.d\.ts|\.js)|package\.json|README\.md|LICENSE)$/.test(name),
    )
    assert.deepEqual(odd, [])
    assert.ok(names.includes('package/README.md') && names.includes('package/LICENSE'))
  }
  for (const name of packages) {
    const built = globSync('**/*.{js,d.ts,json}', { cwd: path.join(folder, name) })
    for (const file of built) {
      const text = readFileSync(path.join(folder, name, file), 'utf8')
      assert.doesNotMatch(text, /@outlast\/contract|from ['"]\.[^'"]*\.tsx?['"]/, `${name}/${file}`)
    }
  }
})

test('strict programs compile against the types of the packages', () => {
  const place = project('types', path.join(root, 'node_modules'))
  const readmes = ['react', 'assistant-ui'].map((name) => {
    const text = readFileSync(path.join(root, `packages/${name}/README.md`), 'utf8')
    const file = `readme-${name}.tsx`
    writeFileSync(path.join(place, file), /```tsx\n([\s\S]*?)```/.exec(text)![1]!)
    return file
  })
  const flags = '--noEmit --strict --jsx react-jsx --target es2022 --lib es2024,dom,dom.iterable'
  for (const mode of ['bundler', 'nodenext']) {
    const module = mode === 'bundler' ? 'esnext' : 'nodenext'
    const how = [...flags.split(' '), '--moduleResolution', mode, '--module', module]
    const more = ['--types', 'react', '--skipLibCheck', 'page.tsx', ...readmes]
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    run(process.execPath, [tsc, ...how, ...more], place)
  }
})

for (const [version, modules] of [
  ['19', path.join(root, 'node_modules')],
  ['18', process.env.OUTLAST_TEST_REACT_18!],
] as const) {
  test(`a page with React ${version} in strict mode talks to a session`, async (t) => {
    const place = project(`react-${version}`, modules)
    const origin = await startSite(t, await bundle(path.join(place, 'page.tsx'), place))
    const server = await startServer(t, { env: { CORS_ALLOWED_ORIGINS: origin } })
    const { id: sessionId } = await createSession(server)
    const { page, complaints } = await openTab(await openProfile(t, browser), origin)
    await page.waitForFunction('globalThis.app !== undefined')
    const opened: string[] = []
    page.on('request', (request) => {
      if (new URL(request.url()).pathname.endsWith('/sse')) opened.push(request.url())
    })
    const options = JSON.stringify({ url: server.url, sessionId })
    await page.evaluate(`app.show(${options}, ['Chat', 'Side'])`)
    await page.locator('section[data-status=idle]').first().waitFor()
    const view = page.getByRole('region', { name: 'Chat' })
    await view.getByLabel('Message').fill(scripted({ text: 'Good **morning**' }))
    await view.getByLabel('Message').press('Enter')
    await page.getByRole('region', { name: 'Side' }).locator('strong').waitFor()
    assert.equal(await page.evaluate('app.version'), version)
    assert.deepEqual([opened.length, complaints], [1, []])
  })
}

test('a page without a bundler uses the client from a script tag', async (t) => {
  const script = readFileSync(path.join(folder, 'sdk/outlast.global.js'), 'utf8')
  // A classic script, as `<script src>` runs it.
  const origin = await startSite(t, '')
  const server = await startServer(t, { env: { CORS_ALLOWED_ORIGINS: origin } })
  const { id } = await createSession(server)
  const { page } = await openTab(await openProfile(t, browser), origin)
  await page.addScriptTag({ content: script })
  const text = await page.evaluate<string>(`(async () => {
    const outlast = Outlast.createOutlast({ url: ${JSON.stringify(server.url)} })
    const message = ${JSON.stringify(scripted({ text: 'From a script' }))}
    return (await outlast.session(${JSON.stringify(id)}).send(message)).text
  })()`)
  assert.equal(text, 'From a script')
})
