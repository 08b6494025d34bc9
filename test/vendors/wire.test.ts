import { reach, startAimock } from './aimock.ts'
import { vendorSuite } from './suite.ts'
import { serverOfFile } from './talk.ts'
import { wireTypes } from './wires/index.ts'

const mock = startAimock()
const server = serverOfFile()

for (const type of wireTypes) {
  vendorSuite({ type, title: `${type} on the wire`, reach: reach(mock, type) }, server)
}
