import type { Provider, ProviderTestResult } from '@outlast/sdk'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'models'
const providersMax = 20
const testMs = 30_000

/** Whether each configured provider answers, and whether there is a default model. */
export async function* checkModels(visit: Visit): AsyncGenerator<Finding, void, undefined> {
  const { outlast, signal } = visit
  try {
    const { data } = await outlast.providers.list({}, { signal })
    const ready = data.filter((one) => one.status === 'active' && isSetUp(one))
    const vendors = ready.filter(({ provider_type }) => provider_type !== 'llmsim')
    if (vendors.length === 0) yield onlySimulated(ready.length > 0)
    for (const provider of vendors.slice(0, providersMax)) {
      visit.waiting(`${provider.name} answers`)
      yield await tried(visit, provider)
    }
    if (vendors.length > providersMax) {
      yield ok(check, `${vendors.length - providersMax} more providers were not tried.`)
    }
    yield await checkDefault(visit)
  } catch (error) {
    signal.throwIfAborted()
    yield failed(check, error)
  }
}

const isSetUp = ({ api_key_set, base_url, provider_type }: Provider) =>
  api_key_set || base_url !== undefined || provider_type === 'llmsim'

function onlySimulated(isThere: boolean): Finding {
  const advice =
    'Give a vendor its key: `outlast providers update`, or DEFAULT_OPENAI_API_KEY and the like on the server.'
  return isThere
    ? warning(check, 'Only the simulated model answers, which knows nothing.', advice)
    : warning(check, 'No provider of models is set up.', advice)
}

async function tried({ outlast, signal }: Visit, provider: Provider): Promise<Finding> {
  const { id, name } = provider
  try {
    return told(name, await outlast.providers.test(id, {}, { signal, timeoutMs: testMs }))
  } catch (error) {
    signal.throwIfAborted()
    const finding = failed(check, error)
    if (finding.verdict !== 'wrong') return finding
    const advice = `Look at it with \`outlast providers get ${id}\`.`
    return wrong(check, `${name}: ${finding.sentence}`, advice)
  }
}

function told(name: string, { ok: isOk, model, latency_ms, message }: ProviderTestResult): Finding {
  if (isOk) return ok(check, `${name} answers with ${model} (${lasting(latency_ms ?? 0)}).`)
  const advice = 'Check its key, its base_url and whether the server may reach it.'
  return wrong(check, `${name} with ${model}: ${ended(message ?? 'it failed')}`, advice)
}

async function checkDefault({ outlast, signal }: Visit): Promise<Finding> {
  const advice = 'Choose one: `outlast models update ID --default`.'
  for await (const model of outlast.models.list({}, { signal })) {
    if (!model.is_default) continue
    const name = `${model.model_id} of ${model.provider_name}`
    if (model.status !== 'active') {
      return wrong(check, `The default model is disabled: ${name}.`, advice)
    }
    return ok(check, `${name} is the default.`)
  }
  return warning(check, 'No model is the default: who names none gets no answer.', advice)
}
