/** Of the whole, as package.json has it (version.test.ts). */
export const version = '0.1.0'
