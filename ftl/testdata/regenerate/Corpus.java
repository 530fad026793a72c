import freemarker.core.HTMLOutputFormat;
import freemarker.core.InvalidReferenceException;
import freemarker.core.ParseException;
import freemarker.core.StopException;
import freemarker.template.Configuration;
import freemarker.template.SimpleDate;
import freemarker.template.Template;
import freemarker.template.TemplateDateModel;
import freemarker.template.TemplateException;
import freemarker.template.TemplateExceptionHandler;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;

/**
 * Renders the cases of the corpus with FreeMarker itself and writes down what came out.
 *
 * <p>Arguments: files of cases, which are rewritten in place. Without arguments: one case per line from the standard input, one result per line to the
 * standard output. See scripts/ftl-corpus.
 */
public class Corpus {
    static final List<String> MEMBERS =
            List.of("about", "template", "model", "instants", "locale", "zone", "escape", "want", "error", "line", "message", "herald");

    public static void main(String[] files) throws Exception {
        if (files.length == 0) {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
            for (String line; (line = in.readLine()) != null; ) {
                Map<String, Object> test = object(new Json(line).value());
                Map<String, Object> result = new LinkedHashMap<>();
                run(test, result, true);
                out.println(Json.text(result));
                out.flush();
            }
            return;
        }
        for (String file : files) {
            List<String> lines = new ArrayList<>();
            for (Object element : (List<?>) new Json(Files.readString(Path.of(file))).value()) {
                Map<String, Object> test = object(element);
                test.keySet().removeAll(List.of("want", "error", "line"));
                run(test, test, false);
                Map<String, Object> ordered = new LinkedHashMap<>();
                for (String member : MEMBERS) {
                    if (test.containsKey(member)) {
                        ordered.put(member, test.remove(member));
                    }
                }
                if (!test.isEmpty()) {
                    throw new IOException(file + ": unknown members " + test.keySet());
                }
                lines.add(Json.text(ordered));
            }
            Files.writeString(Path.of(file), "[\n" + String.join(",\n", lines) + "\n]\n");
            System.out.println(file + ": " + lines.size() + " cases");
        }
    }

    static void run(Map<String, Object> test, Map<String, Object> result, boolean withMessage) throws IOException {
        Configuration configuration = new Configuration(Configuration.VERSION_2_3_31);
        configuration.setTagSyntax(Configuration.AUTO_DETECT_TAG_SYNTAX);
        configuration.setTemplateExceptionHandler(TemplateExceptionHandler.RETHROW_HANDLER);
        configuration.setLogTemplateExceptions(false);
        configuration.setWrapUncheckedExceptions(true);
        configuration.setAttemptExceptionReporter((exception, environment) -> {});
        configuration.setLocale(Locale.forLanguageTag((String) test.getOrDefault("locale", "en-US")));
        configuration.setTimeZone(TimeZone.getTimeZone((String) test.getOrDefault("zone", "UTC")));
        configuration.setSQLDateAndTimeTimeZone(null);
        if ("html".equals(test.get("escape"))) {
            configuration.setOutputFormat(HTMLOutputFormat.INSTANCE);
        }
        Map<String, Object> model = new LinkedHashMap<>(object(test.getOrDefault("model", Map.of())));
        object(test.getOrDefault("instants", Map.of())).forEach((name, instant) ->
                model.put(name, new SimpleDate(new java.util.Date(((Number) instant).longValue()), TemplateDateModel.DATETIME)));
        try {
            Template template = new Template("t", (String) test.get("template"), configuration);
            StringWriter out = new StringWriter();
            template.process(model, out);
            result.put("want", out.toString());
        } catch (ParseException e) {
            result.put("error", "syntax");
            result.put("line", e.getLineNumber());
            if (withMessage) result.put("message", e.getMessage());
        } catch (StopException e) {
            failed(result, "stopped", e, withMessage);
        } catch (InvalidReferenceException e) {
            failed(result, "missing", e, withMessage);
        } catch (TemplateException e) {
            failed(result, "failed", e, withMessage);
        } catch (RuntimeException | StackOverflowError e) { // a bug of FreeMarker's
            result.put("error", "failed");
        }
    }

    static void failed(Map<String, Object> result, String error, TemplateException e, boolean withMessage) {
        result.put("error", error);
        if (e.getLineNumber() != null) {
            result.put("line", e.getLineNumber());
        }
        if (withMessage) {
            result.put("message", e.getMessageWithoutStackTop());
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    /** Just enough JSON, in the order of the text and without a library. */
    static class Json {
        final String text;
        int at;

        Json(String text) {
            this.text = text;
        }

        Object value() {
            space();
            switch (text.charAt(at)) {
                case '{': {
                    Map<String, Object> map = new LinkedHashMap<>();
                    for (at++; ; at++) {
                        space();
                        if (text.charAt(at) == '}') break;
                        String name = string();
                        space();
                        expect(':');
                        map.put(name, value());
                        space();
                        if (text.charAt(at) != ',') break;
                    }
                    expect('}');
                    return map;
                }
                case '[': {
                    List<Object> list = new ArrayList<>();
                    for (at++; ; at++) {
                        space();
                        if (text.charAt(at) == ']') break;
                        list.add(value());
                        space();
                        if (text.charAt(at) != ',') break;
                    }
                    expect(']');
                    return list;
                }
                case '"':
                    return string();
                case 't':
                    at += 4;
                    return true;
                case 'f':
                    at += 5;
                    return false;
                case 'n':
                    at += 4;
                    return null;
                default:
                    int from = at;
                    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
                    String number = text.substring(from, at);
                    if (number.matches("-?[0-9]+")) {
                        BigInteger whole = new BigInteger(number);
                        return whole.bitLength() < 64 ? (Object) whole.longValue() : whole;
                    }
                    return new BigDecimal(number);
            }
        }

        String string() {
            expect('"');
            StringBuilder b = new StringBuilder();
            for (; text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c == '\\') {
                    c = text.charAt(++at);
                    switch (c) {
                        case 'n': c = '\n'; break;
                        case 't': c = '\t'; break;
                        case 'r': c = '\r'; break;
                        case 'b': c = '\b'; break;
                        case 'f': c = '\f'; break;
                        case 'u':
                            c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                            at += 4;
                            break;
                        default: // stands for itself
                    }
                }
                b.append(c);
            }
            at++;
            return b.toString();
        }

        void expect(char c) {
            if (text.charAt(at) != c) {
                throw new IllegalArgumentException("no JSON: " + c + " expected at " + text.substring(at, Math.min(text.length(), at + 60)));
            }
            at++;
        }

        void space() {
            while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) at++;
        }

        static String text(Object value) {
            if (value instanceof Map) {
                List<String> parts = new ArrayList<>();
                object(value).forEach((name, member) -> parts.add(quoted(name) + ": " + text(member)));
                return "{" + String.join(", ", parts) + "}";
            }
            if (value instanceof List) {
                List<String> parts = new ArrayList<>();
                for (Object element : (List<?>) value) parts.add(text(element));
                return "[" + String.join(", ", parts) + "]";
            }
            return value instanceof String ? quoted((String) value) : String.valueOf(value);
        }

        static String quoted(String s) {
            StringBuilder b = new StringBuilder("\"");
            for (char c : s.toCharArray()) {
                switch (c) {
                    case '"': b.append("\\\""); break;
                    case '\\': b.append("\\\\"); break;
                    case '\n': b.append("\\n"); break;
                    case '\r': b.append("\\r"); break;
                    case '\t': b.append("\\t"); break;
                    default:
                        boolean visible = c >= ' ' && c != 0x7f && !Character.isSpaceChar(c) && !Character.isISOControl(c) && c < 0xd800;
                        b.append(c == ' ' || visible ? String.valueOf(c) : String.format("\\u%04x", (int) c));
                }
            }
            return b.append('"').toString();
        }
    }
}
