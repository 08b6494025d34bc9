import { defineConfig } from 'outlast'

/** Settings are named like their environment variables, which take precedence. */
export default defineConfig({
  settings: { PORT: 9000 },
})
