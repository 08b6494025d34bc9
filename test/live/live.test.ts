import { vendorSuite } from '../vendors/suite.ts'
import { serverOfFile } from '../vendors/talk.ts'
import { type LiveVendor, variable } from './vendors.ts'

const given = process.env[variable]
if (!given) throw new Error('No providers are configured: run this file with `npm run test:live`.')

const server = serverOfFile()

for (const vendor of JSON.parse(given) as LiveVendor[]) {
  const { type, ...place } = vendor
  const keyless = place.api_key === undefined
  vendorSuite({ type, title: `${type} itself`, reach: () => place, keyless }, server)
}
