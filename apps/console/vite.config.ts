import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const server = 'http://localhost:9000'

/**
 * Bundles modules that at least 8 screens share into one file. Separate small files need more
 * bytes in total, and one request each.
 */
const shared = { name: 'shared', minShareCount: 8 }

const root = fileURLToPath(new URL('.', import.meta.url))
const screens = globSync('src/**/*.tsx', { cwd: root })
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join()

/** `displayName` and similar fields are used only by developer tools and other themes. */
const forTools = /^\w+\.(?:displayName|classes|varsResolver) = .*;$/gm
/** Compound parts such as `Menu.Sub`. Mantine itself uses them in Menubar and RingProgress only. */
const parts = /^((?:ActionIcon|AppShell|Button|Menu|Tooltip)\.[A-Z]\w+) = .*;$/gm

/** Removes unused static fields and compound parts of components from the bundle. */
const withoutUnused = {
  name: 'without-unused',
  transform: (code: string, id: string) =>
    id.includes('/@mantine/')
      ? code
          .replace(forTools, '')
          .replace(parts, (line, name: string) => (screens.includes(name) ? line : ''))
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
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [shared] } } },
  },
  server: { proxy: { '/v1': server, '/health': server, '/api-doc': server } },
})
