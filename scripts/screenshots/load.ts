/** Minutes of work in seconds, for charts: the page's clock runs ahead while turns run. */
import { createOutlast } from '@outlast/sdk'
import type { Page } from 'playwright-core'

const looks = 40
/** As often as the page looks. */
const everyMs = 3_000
const modelName = 'llmsim-echo-ttft-140-tps-60'

/** Lets the page see `looks` looks, with more and less to do. */
export async function keepBusy(page: Page, url: string) {
  const outlast = createOutlast({ url })
  const providers = (await outlast.providers.list()).data
  const simulated = providers.find(({ provider_type }) => provider_type === 'llmsim')!
  const model = await outlast.providers.createModel(simulated.id, {
    ...{ model_id: modelName, display_name: 'Simulated' },
  })
  const agent = await outlast.agents.create({
    ...{ name: 'Load', system_prompt: 'You echo.', default_model_id: model.id },
  })
  await page.clock.install()
  await page.reload()
  for (let look = 0; look < looks; look++) {
    const count = 2 + Math.round(2 * Math.sin(look / 7) + 2 * Math.abs(Math.sin(look * 1.7)))
    const isOver = Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const session = await outlast.sessions.create({ agent_id: agent.id })
        await outlast.session(session).send('word '.repeat(4 + ((look * 5 + at * 7) % 13)))
      }),
    )
    const answered = page.waitForResponse(/\/durable\/health$/)
    await page.clock.runFor(everyMs)
    await answered
    await isOver
  }
}
