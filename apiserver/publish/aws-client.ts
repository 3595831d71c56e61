/** What is used of AWS's packages, in one place to be loaded from: some hundred kB of code that only who publishes has in memory. */
export { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
