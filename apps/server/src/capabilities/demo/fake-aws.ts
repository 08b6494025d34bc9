import { defineCapability, demoCategory } from '../capability.ts'
import { accountTools } from './fake-aws/account.ts'
import { aws, awsConfig, regionOf } from './fake-aws/aws.ts'
import { computeTools } from './fake-aws/compute.ts'
import { metricTools } from './fake-aws/metrics.ts'
import { storageTools } from './fake-aws/storage.ts'
import { chosenTools, documentRules, onlyLooking } from './session-document.ts'

export const fakeAws = defineCapability({
  id: 'fake_aws',
  name: 'Fake AWS Tools',
  description: 'An invented cloud account with machines, databases, buckets, users and metrics.',
  category: demoCategory,
  icon: 'cloud',
  status: 'available',
  config: awsConfig,
  sessionRules: { ...documentRules, region: 'session' },
  prompt: (config) =>
    [
      `You manage an invented cloud account in ${regionOf(config)} with the aws_ tools. Its data is in ${aws.pathOf(config)}; no real account is used.`,
      ...onlyLooking(config),
    ].join('\n'),
  tools: (config) => chosenTools([computeTools, storageTools, accountTools, metricTools], config),
})
