/**
 * Takes the console screenshots in docs/images with real nodes, a scripted vendor and a Chromium.
 * The environment and data of the caller do not appear. It takes about a minute.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { chromiumSettings } from './chromium.ts'
import { latency, refund, weekly } from './screenshots/conversations.ts'
import { fontSettings } from './screenshots/fonts.ts'
import { withPlace } from './screenshots/place.ts'
import { smaller } from './screenshots/png.ts'
import { showSurvival } from './screenshots/survival.ts'
import type { World } from './screenshots/world.ts'

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))
const desk = { width: 1280, height: 800 }
const phone = { width: 390, height: 780 }

type Picture = {
  name: string
  path: (world: World) => string
  scheme?: 'light' | 'dark'
  size?: { width: number; height: number }
  /** Prepares the page before the screenshot. */
  prepare: (page: Page) => Promise<unknown>
}

const session =
  ({ title }: { title: string }, query = '') =>
  ({ sessions }: World) =>
    `/sessions/${sessions.get(title)!.id}${query}`

const pictures: readonly Picture[] = [
  {
    name: 'sessions',
    path: () => '/',
    prepare: (page) => page.getByText('needs approval').waitFor(),
  },
  {
    name: 'approval',
    path: session(refund),
    prepare: (page) => page.getByRole('button', { name: 'Approve', exact: true }).waitFor(),
  },
  {
    name: 'timeline-dark',
    path: session(latency, '?panel=timeline'),
    scheme: 'dark',
    async prepare(page) {
      await page.getByRole('button', { name: /^Turn 1/ }).click()
      await page
        .getByRole('button', { name: /, interrupted/ })
        .first()
        .click()
      await page.getByText('Interrupted and retried').waitFor()
    },
  },
  {
    name: 'usage',
    path: session(weekly, '?panel=usage'),
    prepare: (page) => page.getByRole('img', { name: /^Tokens:/ }).waitFor(),
  },
  {
    name: 'agent',
    path: ({ agentIds }) => `/agents/${agentIds.support}?side=preview`,
    async prepare(page) {
      await page.getByText('requires approval').waitFor()
      await page.getByText('Task Management').waitFor()
    },
  },
  {
    name: 'approval-phone-dark',
    path: session(refund),
    scheme: 'dark',
    size: phone,
    prepare: (page) => page.getByRole('button', { name: 'Approve', exact: true }).waitFor(),
  },
  {
    name: 'operations',
    path: () => '/operations',
    prepare: lookOften,
  },
]

/** Advances the clock of the page, so that its charts cover minutes. */
async function lookOften(page: Page) {
  await page.clock.install()
  await page.reload()
  for (let look = 0; look < 40; look++) {
    const answered = page.waitForResponse(/\/durable\/health$/)
    await page.clock.runFor(3_000)
    await answered
  }
}

const openPage = ({ scheme = 'light', size = desk }: Pick<Picture, 'scheme' | 'size'>) =>
  browser.newPage({
    ...{ viewport: size, colorScheme: scheme, deviceScaleFactor: 2 },
    ...{ locale: 'en-GB', timezoneId: 'Europe/Lisbon', reducedMotion: 'reduce' },
    ...(size === phone && { hasTouch: true, isMobile: true }),
  })

async function save(page: Page, name: string) {
  const png = smaller(await page.screenshot({ caret: 'hide', animations: 'disabled' }))
  writeFileSync(path.join(folder, `${name}.png`), png)
  console.log(`${name}.png ${Math.round(png.length / 1024)} KB`)
}

async function take(url: string, world: World, picture: Picture) {
  const page = await openPage(picture)
  await page.goto(url + picture.path(world))
  await picture.prepare(page)
  await save(page, picture.name)
  await page.close()
}

const { OUTLAST_TEST_CHROMIUM: executablePath, OUTLAST_TEST_CHROMIUM_LIBRARIES: libraries } =
  chromiumSettings()
const browser = await chromium.launch({
  executablePath: executablePath!,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--hide-scrollbars'],
  env: { ...process.env, ...(libraries && { LD_LIBRARY_PATH: libraries }), ...fontSettings() },
})
try {
  await withPlace(async (url, world) => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const picture of pictures) await take(url, world, picture)
  })
  const page = await openPage({ size: { width: 960, height: 720 } })
  await showSurvival(page, (name) => save(page, name))
} finally {
  await browser.close()
}
// Does not wait for replies that the vendor still streams.
process.exit()
