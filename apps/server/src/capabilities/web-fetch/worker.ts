import { parentPort } from 'node:worker_threads'
import { lowerPriority } from '../../store/files/low-priority.ts'
import { convert, type Page } from './convert.ts'

lowerPriority()
parentPort?.on('message', (page: Page) => parentPort?.postMessage(convert(page)))
