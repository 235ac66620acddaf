// What dockerode gets in the place of the packages that open-docker.ts keeps out.
export {}
