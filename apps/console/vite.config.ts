import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const server = 'http://localhost:9000'

/**
 * Bundles modules that at least 11 parts share into one file. Separate small files need more
 * bytes in total, and one request each.
 */
const shared = { name: 'shared', minShareCount: 11 }

/** Bundles small modules that a session needs and a few other screens share. */
const small = {
  name: 'small',
  test: /src.(?:queries.models|sessions.composer.drafts|shell.problem|shell.screen-actions|sessions.connection-lost|shell.tabs)\.|FileButton/,
}

/** Files that the page itself loads: screens need not list them. */
const loadedFirst = /\/(?:shared|rolldown-runtime)-/
const resolveDependencies = (_: string, files: string[], { hostType }: { hostType: string }) =>
  hostType === 'js' ? files.filter((file) => !loadedFirst.test(file)) : files

const root = fileURLToPath(new URL('.', import.meta.url))
const screens = globSync('src/**/*.tsx', { cwd: root })
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join()

/** `displayName` and similar fields are used only by developer tools and other themes. */
const forTools = /^\w+\.(?:displayName|classes|varsResolver) = .*;$/gm
/** Compound parts such as `Menu.Sub`. Mantine itself uses them in Menubar and RingProgress only. */
const parts = /^((?:ActionIcon|AppShell|Button|Menu|Tooltip)\.[A-Z]\w+) = .*;$/gm

/** The end of `marked`, which creates its parser of HTML. The console uses its lexer only. */
const markedEnd = /;var \w+=new \w+;function .*\bexport\{.*?(\w+) as Lexer,.*$/s

/** Removes unused static fields, compound parts of components and parts of `marked`. */
const withoutUnused = {
  name: 'without-unused',
  transform: (code: string, id: string) =>
    id.includes('/@mantine/')
      ? code
          .replace(forTools, '')
          .replace(parts, (line, name: string) => (screens.includes(name) ? line : ''))
      : id.includes('/marked/')
        ? code.replace(markedEnd, ';export{$1 as Lexer};')
        : undefined,
}

/** Vite requires a default export. */
export default defineConfig({
  plugins: [react(), withoutUnused],
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false, resolveDependencies },
    rolldownOptions: { output: { codeSplitting: { groups: [shared, small] } } },
  },
  server: { proxy: { '/v1': server, '/health': server, '/api-doc': server } },
})
