import { isOutlastError, type Provider, type ProviderTestResult } from '@outlast/sdk'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'models'
const providersMax = 20
const testMs = 30_000

/** Checks each configured provider, and the default model. */
export async function* checkModels(visit: Visit): AsyncGenerator<Finding, void, undefined> {
  const { outlast, signal } = visit
  try {
    const { data } = await outlast.providers.list({}, { signal })
    const ready = data.filter((one) => one.status === 'active' && isSetUp(one))
    const vendors = ready.filter(({ provider_type }) => provider_type !== 'llmsim')
    if (vendors.length === 0) yield onlySimulated(ready.length > 0)
    for (const provider of vendors.slice(0, providersMax)) {
      visit.waiting(`${provider.name} answers`)
      yield await testOf(visit, provider)
    }
    if (vendors.length > providersMax) {
      yield ok(check, `${vendors.length - providersMax} more providers were not tested.`)
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
    'Set an API key with `outlast providers update`, or in a variable such as DEFAULT_OPENAI_API_KEY of the server.'
  return isThere
    ? warning(check, 'Only the simulated model is configured.', advice)
    : warning(check, 'No model provider is configured.', advice)
}

async function testOf({ outlast, signal }: Visit, provider: Provider): Promise<Finding> {
  const { id, name } = provider
  try {
    return tested(name, await outlast.providers.test(id, {}, { signal, timeoutMs: testMs }))
  } catch (error) {
    signal.throwIfAborted()
    const finding = failed(check, error)
    if (finding.verdict !== 'wrong') return finding
    const hasNoModel = isOutlastError(error, 'provider_without_models')
    const advice = hasNoModel
      ? `\`outlast providers sync-models ${id}\` adds the models that it lists, \`outlast models create\` adds one.`
      : `\`outlast providers get ${id}\` shows its configuration.`
    return wrong(check, `${name}: ${finding.sentence}`, advice)
  }
}

function tested(
  name: string,
  { ok: isOk, model, latency_ms, message }: ProviderTestResult,
): Finding {
  if (isOk) return ok(check, `${name} answers with ${model} (${lasting(latency_ms ?? 0)}).`)
  const advice = 'Check its key, its base_url and the network of the server.'
  return wrong(check, `${name} with ${model}: ${ended(message ?? 'no reason')}`, advice)
}

async function checkDefault({ outlast, signal }: Visit): Promise<Finding> {
  const advice = 'Select one with `outlast models update MODEL --default`.'
  for await (const model of outlast.models.list({}, { signal })) {
    if (!model.is_default) continue
    const name = `${model.model_id} of ${model.provider_name}`
    if (model.status !== 'active') {
      return wrong(check, `The default model is disabled: ${name}.`, advice)
    }
    return ok(check, `The default model is ${name}.`)
  }
  return warning(check, 'There is no default model. Turns without a model fail.', advice)
}
