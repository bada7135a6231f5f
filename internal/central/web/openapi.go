package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3gen"

	"loaxa/internal/radio"
)

// The description of the API (OpenAPI 3.0.3) is made from the table of routes and the
// Go types behind it, so it cannot fall behind; every test of the API holds its answers,
// and the requests it has taken, against it.

const apiPrefix = "/api/v1/"

// failure is what every refused request of the API answers.
type failure struct {
	Error answer `json:"error"`
	// Conflicts is what stands against a publication.
	Conflicts []radio.Conflict `json:"conflicts,omitempty"`
}

var pathWord = regexp.MustCompile(`{([a-z_]+)}`)

// describe makes the document.
func (s *Server) describe() (*openapi3.T, error) {
	d := &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{Title: "Loa Xã", Version: radio.Version,
			Description: "The radio desk of a province's commune loudspeakers. Instants are UTC in milliseconds since 1970; dates and times of day are those of the province's zone; ids are 26 characters of Crockford base32."},
		Paths: openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: openapi3.Schemas{},
			SecuritySchemes: openapi3.SecuritySchemes{
				"session": {Value: openapi3.NewSecurityScheme().WithType("apiKey").WithIn("cookie").WithName(s.cookieName())},
				"token":   {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer")},
			},
		},
	}
	g := schemas{newGenerator(strictSchema, schemaName), newGenerator(requestSchema, requestName), d.Components.Schemas}
	for _, r := range s.table() {
		method, path, ok := strings.Cut(r.pattern, " ")
		if !ok || !strings.HasPrefix(path, apiPrefix) {
			continue
		}
		op, err := describeRoute(g, r, path)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", r.pattern, err)
		}
		op.OperationID = operationID(method, path)
		d.AddOperation(path, method, op)
	}
	return d, nil
}

// schemas makes those of answers and of requests: a thing that the API tells whole may be
// sent in part.
type schemas struct {
	out, in *openapi3gen.Generator
	all     openapi3.Schemas
}

func newGenerator(customize openapi3gen.SchemaCustomizerFn, name func(reflect.Type) string) *openapi3gen.Generator {
	return openapi3gen.NewGenerator(openapi3gen.SchemaCustomizer(customize), openapi3gen.CreateTypeNameGenerator(name),
		openapi3gen.CreateComponentSchemas(openapi3gen.ExportComponentSchemasOptions{ExportComponentSchemas: true, ExportTopLevelSchema: true}))
}

// takes describes the body of a request; nil when it has none.
func (g schemas) takes(d doc) (*openapi3.RequestBodyRef, error) {
	body := openapi3.NewRequestBody().WithRequired(true)
	file := openapi3.NewStringSchema().WithFormat("binary")
	switch {
	case d.In != nil:
		in, err := g.in.NewSchemaRefForValue(d.In, g.all)
		if err != nil {
			return nil, err
		}
		body = body.WithJSONSchemaRef(in)
	case len(d.Parts) > 0:
		form := openapi3.NewObjectSchema().WithoutAdditionalProperties()
		for _, part := range d.Parts[:len(d.Parts)-1] {
			form.WithProperty(part, openapi3.NewStringSchema())
		}
		form.WithProperty(d.Parts[len(d.Parts)-1], file)
		body = body.WithContent(openapi3.NewContentWithSchema(form, []string{"multipart/form-data"}))
	case d.Takes != "":
		body = body.WithContent(openapi3.NewContentWithSchema(file, []string{d.Takes}))
	default:
		return nil, nil
	}
	return &openapi3.RequestBodyRef{Value: body}, nil
}

func describeRoute(g schemas, r route, path string) (*openapi3.Operation, error) {
	if r.doc.Summary == "" {
		return nil, fmt.Errorf("%w: no summary", radio.ErrInvalid)
	}
	op := openapi3.NewOperation()
	op.Summary = r.doc.Summary
	op.Tags = []string{strings.Split(strings.TrimPrefix(path, apiPrefix), "/")[0]}
	op.Security = &openapi3.SecurityRequirements{{"session": {}}, {"token": {}}}
	if r.open {
		op.Security = &openapi3.SecurityRequirements{}
	} else {
		op.Description = "Needs the right " + string(r.may) + "."
	}
	for _, m := range pathWord.FindAllStringSubmatch(path, -1) {
		op.AddParameter(openapi3.NewPathParameter(m[1]).WithSchema(openapi3.NewStringSchema()))
	}
	for _, key := range r.doc.Query {
		op.AddParameter(openapi3.NewQueryParameter(key).WithSchema(openapi3.NewStringSchema()))
	}
	var err error
	if op.RequestBody, err = g.takes(r.doc); err != nil {
		return nil, err
	}
	status := cmp.Or(r.doc.Status, http.StatusOK)
	good := openapi3.NewResponse().WithDescription(http.StatusText(status))
	switch {
	case r.doc.Out != nil:
		out, err := g.out.NewSchemaRefForValue(r.doc.Out, g.all)
		if err != nil {
			return nil, err
		}
		good = good.WithJSONSchemaRef(out)
	case r.doc.Kind != "":
		good = good.WithContent(openapi3.Content{r.doc.Kind: openapi3.NewMediaType().WithSchema(openapi3.NewStringSchema().WithFormat("binary"))})
	}
	bad, err := g.out.NewSchemaRefForValue(failure{}, g.all)
	if err != nil {
		return nil, err
	}
	op.Responses = openapi3.NewResponses(
		openapi3.WithName(strconv.Itoa(status), good),
		openapi3.WithName("default", openapi3.NewResponse().WithDescription("Refused, with the reason in Vietnamese and English").WithJSONSchemaRef(bad)),
	)
	return op, nil
}

// operationID makes "getBulletinsAudio" of "GET /api/v1/bulletins/{id}/audio".
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for _, part := range strings.FieldsFunc(strings.TrimPrefix(path, apiPrefix), func(c rune) bool { return strings.ContainsRune("/{}-_.", c) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func schemaName(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
}

// strictSchema says what reflection does not see: civil times are texts, words of the
// vocabulary are lists of words, and an object has these fields and no others.
func strictSchema(_ string, t reflect.Type, _ reflect.StructTag, schema *openapi3.Schema) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[radio.TimeOfDay]():
		*schema = *openapi3.NewStringSchema().WithPattern(`^([01][0-9]|2[0-4]):[0-5][0-9]$`)
	case reflect.TypeFor[radio.Role]():
		schema.Enum = enum(radio.Roles())
	case reflect.TypeFor[radio.Outcome]():
		schema.Enum = enum(radio.Outcomes())
	case reflect.TypeFor[json.RawMessage]():
		*schema = openapi3.Schema{}
	}
	if t.Kind() == reflect.Struct && len(schema.Properties) > 0 {
		schema.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		schema.Required = required(t)
	}
	return nil
}

// requestSchema is strictSchema for what is sent: of a thing of the vocabulary everything may
// be left out, of a body of a route what its fields say.
func requestSchema(name string, t reflect.Type, tag reflect.StructTag, schema *openapi3.Schema) error {
	if err := strictSchema(name, t, tag, schema); err != nil {
		return err
	}
	if ofVocabulary(t) {
		schema.Required = nil
	}
	return nil
}

// requestName keeps what may be sent in part apart from what is told whole.
func requestName(t reflect.Type) string {
	name := schemaName(t)
	if name != "" && ofVocabulary(t) {
		name += "Request"
	}
	return name
}

func ofVocabulary(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == reflect.TypeFor[radio.Schedule]().PkgPath()
}

func enum[T ~string](words []T) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// required lists the fields that encoding/json always writes.
func required(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			out = append(out, required(f.Type)...)
		case name != "" && name != "-" && !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero"):
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// openAPI answers the document; it is made when it is first asked for.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	b, err := s.description()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return send(w, http.StatusOK, "application/json; charset=utf-8", b)
}
