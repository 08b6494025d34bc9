import { parentPort } from 'node:worker_threads'
import { lowerPriority } from '../../store/files/low-priority.ts'
import { convert, type SourcePage } from './convert.ts'

lowerPriority()
parentPort?.on('message', (page: SourcePage) => parentPort?.postMessage(convert(page)))
