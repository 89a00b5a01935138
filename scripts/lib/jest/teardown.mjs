export { closeMemory as default } from './memory.mjs'
