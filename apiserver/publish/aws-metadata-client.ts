/** Loaded only when the metadata of the instance have to be asked. */
export { MetadataService } from '@aws-sdk/ec2-metadata-service';
