/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

// Package seal makes the image that Kaniko built the same at each build. Kaniko writes into an image when its files
// were written and when it was built, so that no two of its builds are byte by byte the same. Sealing reads the image
// from the registry, writes the layers that Kaniko added in their canonical form, leaves those of the base image as
// they are, and pushes the result: the same files on the same base image have the same digest.
//
// Kaniko's own --reproducible compresses the base image's layers again as well, which takes long and ends their being
// shared with other images.
package seal
