import { readFileSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const server = 'http://localhost:9000'

/**
 * What so many screens share is one file, which comes with the first of them: small files of their own take more bytes
 * together, and a request each.
 */
const shared = { name: 'shared', minShareCount: 8 }

/** Names of components are for tools of developers: a page needs none. */
const withoutDisplayNames = {
  name: 'without-display-names',
  transform: (code: string, id: string) =>
    id.includes('/@mantine/') ? code.replace(/^\w+\.displayName = ".*";$/gm, '') : undefined,
}

/** Vite wants its settings as the default export. */
export default defineConfig({
  plugins: [react(), withoutDisplayNames],
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
