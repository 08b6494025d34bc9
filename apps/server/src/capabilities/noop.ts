import { defineCapability } from './capability.ts'

export const noop = defineCapability({
  id: 'noop',
  name: 'No-Op',
  description: 'Adds nothing. For trying out how capabilities are chosen and stored.',
  category: 'Testing',
  icon: 'circle-off',
  status: 'available',
})
