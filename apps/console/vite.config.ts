import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const server = 'http://localhost:9000'

/**
 * What so many screens share is one file, which comes with the first of them: small files of their
 * own take more bytes together, and a request each.
 */
const shared = { name: 'shared', minShareCount: 8 }

const root = fileURLToPath(new URL('.', import.meta.url))
const screens = globSync('src/**/*.tsx', { cwd: root })
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join()

/** `displayName` and the like are for tools of developers and for other themes. */
const forTools = /^\w+\.(?:displayName|classes|varsResolver) = .*;$/gm
/** `Menu.Sub` and the like. Mantine itself uses such names in Menubar and RingProgress only. */
const parts = /^((?:ActionIcon|AppShell|Button|Menu|Tooltip)\.[A-Z]\w+) = .*;$/gm

/** Takes from components what no screen uses, so that it is not in the page. */
const withoutUnused = {
  name: 'without-unused',
  transform: (code: string, id: string) =>
    id.includes('/@mantine/')
      ? code
          .replace(forTools, '')
          .replace(parts, (line, name: string) => (screens.includes(name) ? line : ''))
      : undefined,
}

/** Vite wants its settings as the default export. */
export default defineConfig({
  plugins: [react(), withoutUnused],
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [shared] } } },
  },
  server: { proxy: { '/v1': server, '/health': server, '/api-doc': server } },
})
